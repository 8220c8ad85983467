package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// tourBlock is a block of commands of the README's tour. What follows "until"
// has to show in the output sooner or later.
var tourBlock = regexp.MustCompile("(?ms)^```sh tour(?: until ([A-Z]+))?\n(.*?)^```$")

func TestTheTourOfTheReadmeWorks(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	d := startDev(t)
	blocks := tourBlock.FindAllStringSubmatch(string(readme), -1)
	if len(blocks) == 0 {
		t.Fatal("the README has no tour")
	}
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
		eventually(t, until+" by:\n"+commands, func() bool {
			out, err := run()
			return err == nil && strings.Contains(out, until)
		})
	}
}
