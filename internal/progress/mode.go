package progress

import (
	"cmp"
	"fmt"
	"runtime"
)

// Variable says how progress is shown unless a flag does.
const Variable = "SECRETSYNC_PROGRESS"

// Setting is what decides how progress is shown.
type Setting struct {
	// Flag is what --progress says; if it is empty, [Variable] decides.
	Flag string
	// Quiet says that only results, warnings and errors are wanted.
	Quiet bool
	// Terminal says that progress goes to a terminal.
	Terminal bool
	// Getenv reads the environment.
	Getenv func(string) string
}

// Mode is how progress is shown: live only on a terminal that can move its cursor, and that
// someone looks at. Some CI systems give their jobs a terminal, and keep every frame in the log.
func (s Setting) Mode() (Mode, error) {
	name, value := "--progress", s.Flag
	if value == "" {
		name, value = Variable, cmp.Or(s.Getenv(Variable), "auto")
	}
	kind := s.Getenv("TERM")
	switch {
	case value != "auto" && value != string(Plain) && value != string(None):
		return "", fmt.Errorf("%s %q is not one of auto, plain and none", name, value)
	case s.Quiet:
		return None, nil
	case value != "auto":
		return Mode(value), nil
	case !s.Terminal, kind == "dumb", kind == "" && runtime.GOOS != "windows", s.Getenv("CI") != "":
		return Plain, nil
	}
	return Live, nil
}
