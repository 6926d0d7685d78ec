// Package fixed answers the commands whose output is always the same, before nearly all other
// packages are initialised. See package early.
//
// Do not import more here: with package strings alone, a hundred packages would come first.
package fixed

import (
	_ "embed" // the texts
	"os"
)

func init() {
	if text := answer(os.Args[1:]); text != "" {
		// After an error, the command runs as usual, and reports it.
		if _, err := os.Stdout.WriteString(text); err == nil {
			os.Exit(0)
		}
	}
}

// The texts come from package cli: go test ./internal/early/fixed -update writes them.
var (
	//go:embed texts/help.txt
	help string
	//go:embed texts/completion.bash
	bash string
	//go:embed texts/completion.zsh
	zsh string
	//go:embed texts/completion.fish
	fish string
	//go:embed texts/completion.ps1
	powershell string
)

// answer returns what a command prints; nothing if that depends on more than its arguments.
func answer(args []string) string {
	if len(args) == 1 && (args[0] == "--help" || args[0] == "-h" || args[0] == "help") {
		return help
	}
	if len(args) != 2 || args[0] != "completion" {
		return ""
	}
	switch args[1] {
	case "bash":
		return bash
	case "zsh":
		return zsh
	case "fish":
		return fish
	case "powershell":
		return powershell
	}
	return ""
}
