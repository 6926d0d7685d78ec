//go:build recipes

package recipes

import (
	"bytes"
	"os"
	"testing"

	"gopkg.in/yaml.v3"
)

// workflow is the part of GitHub's format that the recipes use. Any other key is an error,
// because the test would not know what it does.
type workflow struct {
	Name        string
	On          map[string]any
	Permissions map[string]string
	Concurrency struct {
		Group            string
		CancelInProgress bool `yaml:"cancel-in-progress"`
	}
	Defaults struct{ Run struct{ Shell string } }
	Jobs     map[string]workflowJob
}

type workflowJob struct {
	If          string
	RunsOn      string `yaml:"runs-on"`
	Timeout     int    `yaml:"timeout-minutes"`
	Environment string
	Permissions map[string]string
	Env         map[string]string
	Steps       []step
}

type step struct {
	ID, Name, If, Uses, Run, Shell string
	WorkingDirectory               string `yaml:"working-directory"`
	With, Env                      map[string]string
}

// action is the part of GitHub's format that action.yml uses.
type action struct {
	Name, Description string
	Inputs            map[string]struct {
		Description, Default string
		Required             bool
	}
	Outputs map[string]struct{ Description, Value string }
	Runs    struct {
		Using string
		Steps []step
	}
}

// parse reads a file of the repository strictly.
func parse[T any](t *testing.T, path string) T {
	t.Helper()
	data, err := os.ReadFile("../" + path)
	if err != nil {
		t.Fatal(err)
	}
	var v T
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}
