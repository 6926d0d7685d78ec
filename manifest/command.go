package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
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

// ran is a command that was run in this reading, and what came of it.
type ran struct {
	output []byte
	err    error
}

// command returns what a source's command prints, trimmed as the source says.
func (r *reading) command(ctx context.Context, secretName string, s Source) (Value, *Error) {
	if !r.allowCommands {
		return Value{}, commandRefused(s.Pos)
	}
	argv := s.argv()
	output, err := r.run(ctx, argv, filepath.Dir(s.target))
	if err == nil {
		err = standIn(argv, output)
	}
	if err != nil {
		what, todo := r.commandFailed(ctx, argv, err)
		return Value{}, mistake(ruleCommand, s.Pos, todo, "the secret %q: %s", secretName, what)
	}
	return secret.New(bytes.Clone(s.trimmed(output))), nil
}

// run runs a command, or returns what came of it before: secrets may share a command, which
// may ask for a fingerprint. Its standard error is discarded: it may hold secrets.
func (r *reading) run(ctx context.Context, argv []string, dir string) ([]byte, error) {
	id := strings.Join(append(slices.Clone(argv), dir), "\x00") // no argument can hold it
	if done, ok := r.ran[id]; ok {
		return done.output, done.err
	}
	var done ran
	done.output, done.err = subprocess.Command{
		Args: argv, Dir: dir, Env: r.commandEnv(), Time: r.commandTime, MaxOutput: maxValue + len("\r\n"),
	}.Output(ctx)
	r.ran[id] = done
	return done.output, done.err
}

// wipe clears the output of the commands that were run.
func (r *reading) wipe() {
	for _, done := range r.ran {
		clear(done.output)
	}
}

// trimmed is what counts of a command's output: all but its last line end, which most programs
// add, or as "trim" says.
func (s Source) trimmed(output []byte) []byte {
	switch {
	case s.exact:
		return output
	case s.trim:
		return bytes.TrimRight(output, "\r\n")
	}
	if line, ended := bytes.CutSuffix(output, []byte("\n")); ended {
		return bytes.TrimSuffix(line, []byte("\r"))
	}
	return output
}

// commandRefused is the mistake of a command where none may run.
func commandRefused(at Position) *Error {
	return refused(ErrCommand, at, "", "a command is refused: whoever may edit the manifest could run anything here")
}

// commandFailed says what went wrong with a command, without its arguments and its output, and
// what to do.
func (r *reading) commandFailed(ctx context.Context, argv []string, err error) (what, todo string) {
	name := program(argv)
	var exit *exec.ExitError
	var instead *standInError
	switch {
	case errors.As(err, &instead):
		return fmt.Sprintf("the command %q printed %s instead of a value", name, instead.text), instead.hint
	case errors.Is(err, subprocess.ErrOutput):
		return fmt.Sprintf("the command's output is larger than %d bytes, which is Cloudflare's limit", maxValue), ""
	case ctx.Err() != nil:
		return "interrupted", ""
	case errors.Is(err, subprocess.ErrTime):
		return fmt.Sprintf("the command %q took longer than %v", name, r.commandTime),
			"run it yourself: it may be waiting for input, which it cannot get here" + signIn(argv)
	case errors.As(err, &exit):
		return fmt.Sprintf("the command %q failed with exit code %d", name, exit.ExitCode()),
			"run it yourself to see why: its output is not shown here, since it may hold secrets" + signIn(argv)
	case errors.Is(err, exec.ErrWaitDelay):
		return fmt.Sprintf("the command %q left a process behind that holds its output open", name), ""
	case strings.Contains(argv[0], `\`) && filepath.Separator == '/':
		return fmt.Sprintf("the program %q was not found", name), "write its path with /, on Windows too"
	case strings.ContainsAny(argv[0], " \t"):
		return fmt.Sprintf("the command %q could not be run", name), "no shell splits it: write each word as an item of the list"
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("the program %q was not found", name),
			"install it here, or set PATH; a name with a slash counts from the manifest's folder"
	}
	return fmt.Sprintf("the command %q could not be run", name), "it is run without a shell, in the manifest's folder"
}

// program is the part of a command that may be shown. A command line that was written as
// one word, which cannot run, may hold a secret.
func program(argv []string) string {
	name, _, _ := strings.Cut(argv[0], " ")
	return name
}

// commandEnv is the environment without the variables that are meant for this tool alone.
func (r *reading) commandEnv() []string {
	return slices.DeleteFunc(slices.Clone(r.environ()), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return hasPrefix(name, ownCredentials) || hasPrefix(name, []string{"CLOUDFLARE_"}) || slices.Contains(r.tokenEnvs, strings.ToUpper(name))
	})
}

// knownProgram describes a well-known program for keeping secrets.
type knownProgram struct {
	// signIn is what to do where its session has ended.
	signIn string
	// absent is what it prints, with exit code 0, where there is no value; empty if it fails then.
	absent string
	// instead is what to do in that case.
	instead string
}

// knownPrograms are known by their names (docs/values-from.md).
var knownPrograms = map[string]knownProgram{
	"op":      {signIn: "op signin, or OP_SERVICE_ACCOUNT_TOKEN"},
	"vault":   {signIn: "vault login, or VAULT_TOKEN"},
	"bao":     {signIn: "bao login, or BAO_TOKEN"},
	"gcloud":  {signIn: "gcloud auth login, or CLOUDSDK_AUTH_ACCESS_TOKEN"},
	"doppler": {signIn: "doppler login, or DOPPLER_TOKEN"},
	"aws": {
		signIn: "aws sso login, or AWS_PROFILE or credentials in the environment",
		absent: "None", instead: "that is null: look for the field that --query names; a binary secret has SecretBinary, which is printed as base64",
	},
	"az": {signIn: "az login", absent: "None", instead: "that is null: look for the field that --query names"},
	"kubectl": {
		signIn: "kubectl auth whoami shows who you are", absent: "<no value>", instead: "look for the key that the template names",
	},
	"jq": {absent: "null", instead: "look for the key that the filter names; with -e, jq fails where there is none"},
	"yq": {absent: "null", instead: "look for the key that the expression names; with -e, yq fails where there is none"},
}

func known(argv []string) knownProgram {
	return knownPrograms[strings.TrimSuffix(filepath.Base(argv[0]), ".exe")]
}

// signIn is the end of a hint: what to do where a program's session has ended.
func signIn(argv []string) string {
	if todo := known(argv).signIn; todo != "" {
		return "; if it is not signed in: " + todo
	}
	return ""
}

// standInError is about a text that a program prints in place of a missing value.
type standInError struct{ text, hint string }

func (e *standInError) Error() string { return e.text + " instead of a value" }

// standIn refuses what a program prints in place of a value that it does not have: sent as the
// value, it would replace a secret that works.
func standIn(argv []string, output []byte) error {
	if p := known(argv); p.absent != "" && string(bytes.TrimRight(output, "\r\n")) == p.absent {
		return &standInError{p.absent, p.instead}
	}
	return nil
}
