package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is the width that help fits in, the default width of a terminal.
const helpWidth = 80

// Several programs may start concurrently, but cobra keeps one global table of template
// functions.
func init() { cobra.AddTemplateFunc("describe", describeFlags) }

// formatHelpFlags makes the help of all commands describe each flag below its name: in two
// columns, names and descriptions do not fit.
func formatHelpFlags(root *cobra.Command) {
	usage := strings.NewReplacer(
		".LocalFlags.FlagUsages | trimTrailingWhitespaces", "describe .LocalFlags",
		".InheritedFlags.FlagUsages | trimTrailingWhitespaces", "describe .InheritedFlags",
	).Replace(root.UsageTemplate())
	root.SetUsageTemplate(usage)
}

// describeFlags returns the help text of some flags.
func describeFlags(flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name := "      --" + f.Name
		if f.Shorthand != "" {
			name = "  -" + f.Shorthand + ", --" + f.Name
		}
		value, text := pflag.UnquoteUsage(f)
		switch {
		case value == "":
		case f.NoOptDefVal != "":
			name += "[=" + value + "]"
		default:
			name += " " + value
		}
		if d := f.DefValue; !strings.Contains(text, "default") && !zero[d] {
			text += " (default " + d + ")"
		}
		fmt.Fprintf(&b, "%s\n%s", name, wrap(text, "          "))
	})
	return strings.TrimSuffix(b.String(), "\n")
}

// zero are the default values that help does not show.
var zero = map[string]bool{"": true, "false": true, "0": true, "0s": true, "[]": true}

// wrap breaks a text into lines that fit in the help, each with the indentation.
func wrap(text, indent string) string {
	var b strings.Builder
	line := indent
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > helpWidth && line != indent {
			b.WriteString(line + "\n")
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	return b.String() + line + "\n"
}
