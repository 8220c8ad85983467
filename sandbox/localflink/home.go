package localflink

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Home is a Flink distribution.
type Home struct {
	// Dir is its folder, an absolute path.
	Dir string
	// Version is Flink's, such as 2.2.0.
	Version string
	// javaOptions are what Flink needs of the Java machine, from the
	// distribution's own configuration.
	javaOptions string
}

// Homes are Flink distributions by the name that specs have for their version,
// such as v2_2.
type Homes map[string]Home

// distribution is the name of the jar that tells the version.
var distribution = regexp.MustCompile(`^flink-dist-((\d+)\.(\d+)\.\d+[^/]*)\.jar$`)

// OpenHomes looks at the folders of Flink distributions.
func OpenHomes(dirs []string) (Homes, error) {
	homes := Homes{}
	for _, dir := range dirs {
		version, home, err := openHome(dir)
		if err != nil {
			return nil, err
		}
		if other, ok := homes[version]; ok {
			return nil, fmt.Errorf("the Flink distributions %s and %s both have version %s", other.Dir, home.Dir, version)
		}
		homes[version] = home
	}
	return homes, nil
}

func openHome(dir string) (version string, home Home, err error) {
	if home.Dir, err = filepath.Abs(dir); err != nil {
		return "", home, fmt.Errorf("find the Flink distribution %s: %w", dir, err)
	}
	entries, err := os.ReadDir(filepath.Join(home.Dir, "lib"))
	if err != nil {
		return "", home, fmt.Errorf("%s is not a Flink distribution: %w", dir, err)
	}
	for _, entry := range entries {
		if found := distribution.FindStringSubmatch(entry.Name()); found != nil {
			home.Version, version = found[1], "v"+found[2]+"_"+found[3]
		}
	}
	if version == "" {
		return "", home, fmt.Errorf("%s is not a Flink distribution: its lib contains no flink-dist-<version>.jar", dir)
	}
	for _, script := range []string{"jobmanager.sh", "standalone-job.sh", "taskmanager.sh", "sql-gateway.sh"} {
		if _, err := os.Stat(filepath.Join(home.Dir, "bin", script)); err != nil {
			return "", home, fmt.Errorf("%s is an incomplete Flink distribution: %w", dir, err)
		}
	}
	home.javaOptions, err = javaOptions(home.Dir)
	return version, home, err
}

// javaOptions reads env.java.opts.all of a distribution.
func javaOptions(dir string) (string, error) {
	path := filepath.Join(dir, "conf", "config.yaml")
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s is an incomplete Flink distribution: %w", dir, err)
	}
	var config struct {
		Env struct {
			Java struct {
				Opts struct {
					All string `yaml:"all"`
				} `yaml:"opts"`
			} `yaml:"java"`
		} `yaml:"env"`
	}
	if err := yaml.Unmarshal(data, &config); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return config.Env.Java.Opts.All, nil
}

// Supports returns why no cluster of a version can run; nil where one can.
func (h Homes) Supports(version string) error {
	if _, ok := h[version]; ok {
		return nil
	}
	return fmt.Errorf("spec.flinkVersion %s is not available: the sandbox has Flink distributions of %s",
		version, strings.Join(slices.Sorted(maps.Keys(h)), ", "))
}
