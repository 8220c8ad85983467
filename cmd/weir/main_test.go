package main

import (
	"os"
	"testing"
)

// runAsWeir makes the test binary be weir, so that tests start and kill real
// processes of it.
const runAsWeir = "WEIR_TEST_RUN_AS_WEIR"

func TestMain(m *testing.M) {
	if os.Getenv(runAsWeir) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}
