package wrangler

import (
	"errors"
	"path/filepath"
	"regexp"

	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/syntax"
)

// What is not a wrangler configuration, although a pattern may match it. These are the
// Kind of the mistake that [Parse] returns.
var (
	// ErrProgram is a configuration in JavaScript or TypeScript. It may bind secrets, but only
	// running it would tell.
	ErrProgram = errors.New("a configuration that is a program")
	// ErrRedirect is the file in which a build tool names the configuration that it generated.
	ErrRedirect = errors.New("a redirection of wrangler")
	// ErrNotConfig is any other file.
	ErrNotConfig = errors.New("not a wrangler configuration")
)

// Redirect is the file, beside a configuration, that makes wrangler read a generated
// configuration instead.
var Redirect = filepath.Join(".wrangler", "deploy", "config.json")

// program is the name of a configuration in JavaScript or TypeScript.
var program = regexp.MustCompile(`^(cloudflare|wrangler)\.config\.[cm]?[jt]s$`)

// notConfig returns the mistake of a file whose name is not that of a wrangler configuration, or nil.
func notConfig(file string) *syntax.Error {
	at := position.Position{File: file}
	switch ext := filepath.Ext(file); {
	case program.MatchString(filepath.Base(file)):
		return &syntax.Error{
			Pos: at, What: "a configuration that is a program is not run, so its bindings are not checked",
			Hint: "bindings are read from wrangler.jsonc, wrangler.json and wrangler.toml", Kind: ErrProgram, Rule: Rule,
		}
	case filepath.Join(filepath.Base(filepath.Dir(filepath.Dir(file))), filepath.Base(filepath.Dir(file)), filepath.Base(file)) == Redirect:
		return &syntax.Error{
			Pos: at, What: "it only says where a generated configuration is",
			Hint: "name the configuration that you write", Kind: ErrRedirect, Rule: Rule,
		}
	case ext != ".toml" && ext != ".json" && ext != ".jsonc":
		return &syntax.Error{
			Pos: at, What: "not a wrangler configuration by its name",
			Hint: "want .toml, .json or .jsonc", Kind: ErrNotConfig, Rule: Rule,
		}
	}
	return nil
}

// Names are the configurations that wrangler looks for in a folder. It reads the first that
// exists.
var Names = []string{"wrangler.json", "wrangler.jsonc", "wrangler.toml"}

// Preceding returns the files that wrangler would read instead of a configuration if they
// exist.
func Preceding(file string) []string {
	var first []string
	for _, name := range Names {
		if name == filepath.Base(file) {
			return first
		}
		first = append(first, filepath.Join(filepath.Dir(file), name))
	}
	return nil // another name, which only --config selects
}
