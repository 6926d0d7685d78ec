//go:build recipes

package recipes

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// TestMain makes the test binary act as gh, GitHub's command line, whose module the module
// proxy does not have.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "gh" {
		if err := gh(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "gh:", err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if built.temp != "" {
		os.RemoveAll(built.temp)
	}
	os.Exit(code)
}

// built is the program, shared between tests because it takes long to link.
var built struct {
	sync.Once
	temp string
	err  error
}

// program builds secretsync by the step of action.yml that does.
func program(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		if built.temp, built.err = os.MkdirTemp("", "recipes"); built.err != nil {
			return
		}
		for _, s := range parse[action](t, "action.yml").Runs.Steps {
			if s.Name != "Build secretsync" {
				continue
			}
			cmd := exec.CommandContext(context.Background(), "bash", "-e", "-o", "pipefail", "-c", s.Run)
			cmd.Env = append(os.Environ(), "RUNNER_TEMP="+built.temp, "GITHUB_ACTION_PATH=..")
			for name, value := range s.Env {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				built.err = fmt.Errorf("%w: %s", err, out)
			}
		}
	})
	must(t, built.err)
	return filepath.Join(built.temp, "secretsync", "secretsync")
}
