// Package cmdline words commands of secretsync that can be pasted.
package cmdline

import (
	"slices"
	"strings"
	"sync"

	"github.com/secretsync/secretsync/internal/shell"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// projectFlags say which project, values and API are meant. Another command needs the same. No flag
// that approves something is among them.
var projectFlags = []string{
	"file", "lockfile", "lease", "var", "emulator", "api-base-url", "account-id", "persist-to",
	"allow-outside", "allow-commands", "allow-plaintext-values", "sops-key-types",
}

// ArgumentsOf is the annotation of a command whose arguments are more values of a flag: it names the
// flag. They are repeated as such.
const ArgumentsOf = "arguments-of"

// Line is a command of secretsync that can be pasted in the current folder: words name it, and may
// have flags. executed is the running command, or nil if the command line could not be parsed. If
// both are the same command, the line has the same flags, but no approval; otherwise it has only the
// flags that name the project. Line can be called concurrently.
func Line(executed *cobra.Command, words ...string) string { return line(executed, words, true) }

// Other is like [Line], but even a command of the same name has only the flags that name the
// project.
func Other(executed *cobra.Command, words ...string) string { return line(executed, words, false) }

// finding guards the commands: cobra and pflag write to them even where they only look for one, or go
// through flags.
var finding sync.Mutex

func line(executed *cobra.Command, words []string, again bool) string {
	text := "secretsync " + strings.Join(words, " ")
	if executed == nil {
		return text
	}
	finding.Lock()
	defer finding.Unlock()
	other, _, err := executed.Root().Find(words)
	if err != nil {
		return text
	}
	executed.Flags().Visit(func(f *pflag.Flag) {
		wanted := again && other == executed && f.Name != "auto-approve" || slices.Contains(projectFlags, f.Name)
		if wanted && other.Flag(f.Name) != nil && !strings.Contains(text+" ", " --"+f.Name+" ") {
			text += given(f, executed)
		}
	})
	return text
}

// given returns a flag as the user wrote it.
func given(f *pflag.Flag, executed *cobra.Command) (text string) {
	values := []string{f.Value.String()}
	if several, ok := f.Value.(pflag.SliceValue); ok {
		values = several.GetSlice()
	}
	if f.Name == executed.Annotations[ArgumentsOf] {
		values = slices.Concat(values, executed.Flags().Args())
	}
	for _, value := range values {
		switch {
		case value == f.NoOptDefVal: // as in --offline
			text += " --" + f.Name
		case f.NoOptDefVal != "": // the value has to be a part of the word
			text += " " + shell.Word("--"+f.Name+"="+value)
		default:
			text += " --" + f.Name + " " + shell.Word(value)
		}
	}
	return text
}
