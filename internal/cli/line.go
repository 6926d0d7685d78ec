package cli

import (
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/shell"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// projectFlags say which project, values and API are meant. Another command needs the same. No flag
// that approves something is among them.
var projectFlags = []string{
	"file", "lockfile", "var", "emulator", "api-base-url", "account-id", "persist-to",
	"allow-outside", "allow-commands", "allow-plaintext-values", "sops-key-types",
}

// line is a command of secretsync that can be pasted where the user stands: words name it, and may
// have flags. It has the same flags as the command at hand, but no approval, if it is the same
// one, else those that say which project is meant.
func (a *App) line(words ...string) string {
	text := "secretsync " + strings.Join(words, " ")
	if a.executed == nil { // the command line could not be parsed
		return text
	}
	other, _, err := a.executed.Root().Find(words)
	if err != nil {
		return text
	}
	a.executed.Flags().Visit(func(f *pflag.Flag) {
		wanted := other == a.executed && f.Name != "auto-approve" || slices.Contains(projectFlags, f.Name)
		if wanted && other.Flag(f.Name) != nil && !strings.Contains(text+" ", " --"+f.Name+" ") {
			text += given(f)
		}
	})
	return text
}

// given is a flag as it was given.
func given(f *pflag.Flag) (text string) {
	values := []string{f.Value.String()}
	if several, ok := f.Value.(pflag.SliceValue); ok {
		values = several.GetSlice()
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

// remember keeps the command for [App.line].
func (a *App) remember(cmd *cobra.Command, _ []string) { a.executed = cmd }
