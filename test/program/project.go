package program

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// Project is a folder with a manifest and a lockfile, for an API.
type Project struct {
	T   *testing.T
	Dir string
	// Env is the whole environment of Run, and is added to a Process's environment.
	Env map[string]string
}

// NewProject is an empty project. Its manifest will be secretsync.yaml.
func NewProject(t *testing.T, baseURL string) *Project {
	return &Project{T: t, Dir: t.TempDir(), Env: Environment(baseURL)}
}

// Environment is the environment variables that secretsync needs to use an API.
func Environment(baseURL string) map[string]string {
	return map[string]string{"CLOUDFLARE_API_BASE_URL": baseURL, "CLOUDFLARE_API_TOKEN": "t", "CLOUDFLARE_ACCOUNT_ID": Account}
}

// Path returns the path of a file in the project.
func (p *Project) Path(name string) string { return filepath.Join(p.Dir, name) }

// Write writes a file of the project.
func (p *Project) Write(name, text string) {
	p.T.Helper()
	Must(p.T, os.WriteFile(p.Path(name), []byte(text), 0o600))
}

// Run runs a command in this process, and returns its exit code and all its output. It does
// not wait for secrets to become active.
func (p *Project) Run(args ...string) (code int, output string) {
	p.T.Helper()
	args = With(p.about(args), "--wait=0")
	code, output = Program{Env: p.Env}.Run(p.T.Context(), args...)
	p.T.Logf("%s: exit code %d\n%s", args[0], code, output)
	return code, output
}

// Process is a command in a child process, of the program "secretsync" or "traceable".
func (p *Project) Process(program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(p.T.Context(), program, p.about(args)...)
	cmd.Env = os.Environ()
	for _, name := range slices.Sorted(maps.Keys(p.Env)) {
		cmd.Env = append(cmd.Env, name+"="+p.Env[name])
	}
	return cmd
}

// about adds the manifest.
func (p *Project) about(args []string) []string {
	return append(slices.Clone(args), "-f", p.Path("secretsync.yaml"))
}
