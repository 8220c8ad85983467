package sql

import (
	"strings"

	"github.com/openweir/weir/control/sql/token"
)

// HintOptions returns the options of tables that the hints of a text set, as in
// /*+ OPTIONS('path' = 'x') */. If hints set an option several times, all values are
// returned.
func HintOptions(text string) (map[string][]string, error) {
	tokens, err := token.Scan(text)
	if err != nil {
		return nil, err
	}
	options := map[string][]string{}
	for _, hint := range tokens {
		if hint.Kind != token.Hint {
			continue
		}
		inner, err := token.Scan(hint.Text)
		if err != nil {
			return nil, token.Errorf(hint.Position, "The hint is not valid.")
		}
		for i := 0; i+2 < len(inner); i++ {
			key, value := inner[i], inner[i+2]
			if !inner[i+1].IsSymbol("=") {
				continue
			}
			if strings.HasPrefix(strings.ToUpper(hint.Text[key.Start:key.End]), "U&") {
				return nil, token.Errorf(hint.Position, "Names of options in hints must not be Unicode strings.")
			}
			options[key.Text] = append(options[key.Text], value.Text)
		}
	}
	return options, nil
}
