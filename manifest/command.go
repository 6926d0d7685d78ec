package manifest

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/subprocess"
)

// commandTime is how long a source's command may take.
const commandTime = 30 * time.Second

// command runs a source's command and returns what it writes, less its last line
// end. Its standard error is discarded: it may hold secrets.
func (r *reading) command(ctx context.Context, s Source) (Value, *Error) {
	argv := s.argv()
	data, err := subprocess.Command{
		Args: argv, Dir: filepath.Dir(s.target), Env: r.commandEnv(), Time: r.commandTime, MaxOutput: maxValue + len("\r\n"),
	}.Output(ctx)
	var exit *exec.ExitError
	switch {
	case errors.Is(err, subprocess.ErrOutput):
		return Value{}, mistake(ruleCommand, s.Pos, "", "the command's output is larger than %d bytes, which is Cloudflare's limit", maxValue)
	case ctx.Err() != nil:
		return Value{}, mistake(ruleCommand, s.Pos, "", "interrupted")
	case errors.Is(err, subprocess.ErrTime):
		return Value{}, mistake(ruleCommand, s.Pos, "", "the command %q took longer than %v", program(argv), r.commandTime)
	case errors.As(err, &exit):
		return Value{}, mistake(ruleCommand, s.Pos, "its output is not shown: it may hold secrets", "the command %q failed with exit code %d", program(argv), exit.ExitCode())
	case errors.Is(err, exec.ErrWaitDelay):
		return Value{}, mistake(ruleCommand, s.Pos, "", "the command %q left a process behind that holds its output open", program(argv))
	case err != nil:
		return Value{}, mistake(ruleCommand, s.Pos, "it is run without a shell, in the manifest's folder", "the command %q could not be run", program(argv))
	}
	data, ended := bytes.CutSuffix(data, []byte("\n"))
	if ended {
		data = bytes.TrimSuffix(data, []byte("\r"))
	}
	return secret.New(data), nil
}

// program is what is shown of a command. A whole command line that was written as one
// word, which nothing can run, may hold a secret.
func program(argv []string) string {
	name, _, _ := strings.Cut(argv[0], " ")
	return name
}

// commandEnv is the environment without what is meant for this tool alone.
func (r *reading) commandEnv() []string {
	return slices.DeleteFunc(slices.Clone(r.environ()), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return hasPrefix(name, ownCredentials) || hasPrefix(name, []string{"CLOUDFLARE_"}) || slices.Contains(r.tokenEnvs, strings.ToUpper(name))
	})
}
