package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/openweir/weir/internal/await"
)

// tourBlock is a block of commands in a document. What follows "until" has to
// show in the output sooner or later.
var tourBlock = regexp.MustCompile("(?ms)^```sh tour(?: until ([^\n]+))?\n(.*?)^```$")

func TestTheCommandsInTheDocumentationWork(t *testing.T) {
	for _, document := range []string{"README.md", "docs/api.md"} {
		t.Run(document, func(t *testing.T) { tour(t, "../../"+document) })
	}
}

// tour runs the commands of a document against a new weir, in order.
func tour(t *testing.T, document string) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	blocks := tourBlock.FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		t.Fatal("there are no commands in it")
	}
	d := startDev(t)
	for _, block := range blocks {
		until, commands := block[1], strings.ReplaceAll(block[2], "localhost:8080", d.rest)
		run := func() (string, error) {
			cmd := exec.Command("bash", "-euo", "pipefail", "-c", commands)
			cmd.Dir = "../.."
			out, err := cmd.CombinedOutput()
			return string(out), err
		}
		if until == "" {
			if out, err := run(); err != nil {
				t.Fatalf("%s\n%v: %s", commands, err, out)
			}
			continue
		}
		await.Until(t, until+" by:\n"+commands, func() bool {
			out, err := run()
			return err == nil && strings.Contains(out, until)
		})
	}
}
