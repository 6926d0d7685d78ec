// Command man writes the manual pages of all commands, and the completions of all shells, into folders
// for packages: man/ and completions/ in the folder that its argument names. Only it imports the
// generator, so that secretsync itself does not contain it. SOURCE_DATE_EPOCH is the date of the pages.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/secretsync/secretsync/internal/cli"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
)

func main() {
	log.SetFlags(0)
	if err := run(os.Args[1:]); err != nil {
		log.Fatal("man: ", err)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: man FOLDER")
	}
	if os.Getenv("SOURCE_DATE_EPOCH") == "" {
		return errors.New("set SOURCE_DATE_EPOCH: the same sources have to give the same pages")
	}
	pages, err := manPages()
	if err != nil {
		return err
	}
	shells, err := completions()
	if err != nil {
		return err
	}
	for folder, files := range map[string]map[string][]byte{"man": pages, "completions": shells} {
		folder = filepath.Join(args[0], folder)
		if err := os.RemoveAll(folder); err != nil { // pages of commands that are gone
			return err
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		for name, data := range files {
			if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// root returns the program's command, including the subcommands that cobra adds.
func root() *cobra.Command {
	cmd := (&cli.App{}).Command()
	cmd.InitDefaultCompletionCmd()
	cmd.DisableAutoGenTag = true
	return cmd
}

// manPages are the pages by file name, such as "secretsync-lock-status.1".
func manPages() (map[string][]byte, error) {
	pages := map[string][]byte{}
	var add func(*cobra.Command) error
	add = func(cmd *cobra.Command) error {
		if !cmd.IsAvailableCommand() && cmd.HasParent() || cmd.Name() == "help" {
			return nil
		}
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
		cmd.Long = markdown(cmd.Long)
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { f.Usage = escape(f.Usage) })
		var b bytes.Buffer
		if err := doc.GenMan(cmd, &doc.GenManHeader{Section: "1", Source: "secretsync", Manual: "secretsync"}, &b); err != nil {
			return fmt.Errorf("%s: %w", cmd.CommandPath(), err)
		}
		pages[name+".1"] = b.Bytes()
		for _, sub := range cmd.Commands() {
			if err := add(sub); err != nil {
				return err
			}
		}
		return nil
	}
	return pages, add(root())
}

// markdown is a help text for the generator, which reads Markdown: indented lines stay as they are,
// and nothing else is markup.
func markdown(text string) string {
	var b strings.Builder
	verbatim := false
	for line := range strings.Lines(text) {
		if blank := line == "\n"; !blank && strings.ContainsAny(line[:1], " \t") != verbatim {
			verbatim = !verbatim
			b.WriteString("\n") // Markdown has a blank line between text and what is verbatim
		}
		if verbatim {
			b.WriteString("    " + line)
		} else {
			b.WriteString(escape(line))
		}
	}
	return b.String()
}

var escaper = strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "<", `\<`, ">", `\>`, "[", `\[`, "]", `\]`, "`", "\\`", "#", `\#`)

func escape(text string) string { return escaper.Replace(text) }

// completions are the shells' scripts, by file name.
func completions() (map[string][]byte, error) {
	cmd, files := root(), map[string][]byte{}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"secretsync.bash": func(b *bytes.Buffer) error { return cmd.GenBashCompletionV2(b, true) },
		"secretsync.zsh":  func(b *bytes.Buffer) error { return cmd.GenZshCompletion(b) },
		"secretsync.fish": func(b *bytes.Buffer) error { return cmd.GenFishCompletion(b, true) },
		"secretsync.ps1":  func(b *bytes.Buffer) error { return cmd.GenPowerShellCompletionWithDesc(b) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return nil, err
		}
		files[name] = b.Bytes()
	}
	return files, nil
}
