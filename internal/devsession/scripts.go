package devsession

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// scripts finds the sessions of wrangler dev in the scripts of a folder's package.json.
func (s *search) scripts(dir string) {
	file := filepath.Join(dir, "package.json")
	var pkg struct{ Scripts map[string]string }
	if json.Unmarshal(read(file), &pkg) != nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(pkg.Scripts)) {
		by := fmt.Sprintf("script %q of %s", name, s.shown(file))
		s.script(by, dir, pkg.Scripts[name], 0)
	}
}

// script finds the sessions in a script, and in the scripts that are words of it, as for
// concurrently.
func (s *search) script(by, dir, text string, depth int) {
	for _, command := range commands(text) {
		if len(command) == 2 && command[0] == "cd" {
			dir = resolve(dir, command[1])
			continue
		}
		for i, word := range command {
			if strings.ContainsAny(word, " \t") && strings.Contains(word, "wrangler") && depth < 2 {
				s.script(by, dir, word, depth+1)
			}
			if name, _, _ := strings.Cut(path.Base(word), "@"); name == "wrangler" {
				s.wrangler(by, dir, command[i+1:])
				break
			}
		}
	}
}

// withValue are the options of wrangler that can precede the name of its command, and are
// followed by a value.
var withValue = map[string]string{
	"-c": "config", "--config": "config", "--cwd": "cwd", "--persist-to": "persist-to", "-e": "env", "--env": "env", "--env-file": "env-file",
}

// wrangler adds the session of a call of wrangler, if that is wrangler dev.
func (s *search) wrangler(by, dir string, args []string) {
	var configs []string
	var called, persistTo string
	for i := 0; i < len(args); i++ {
		name, value, given := strings.Cut(args[i], "=")
		option := withValue[name]
		if option != "" && !given && i+1 < len(args) {
			i++
			value = args[i]
		}
		switch {
		case option == "config":
			configs = append(configs, value)
		case option == "persist-to":
			persistTo = value
		case option == "cwd":
			dir = resolve(dir, value)
		case called == "" && !strings.HasPrefix(args[i], "-"):
			called = args[i]
		}
	}
	if called != "dev" || strings.ContainsAny(strings.Join(append(configs, persistTo, dir), ""), "$`%*") { // variables are not known here
		return
	}
	for i := range configs {
		configs[i] = resolve(dir, configs[i])
	}
	if len(configs) == 0 {
		configs = []string{ownConfig(dir)}
	}
	at := state(filepath.Dir(configs[0]))
	if persistTo != "" {
		at = resolve(dir, persistTo)
	}
	s.add(Session{By: by, Dir: dir}, configs, at)
}

// commands splits a script into commands, and those into words, as shells do it: quotes
// are removed, and nothing is expanded.
func commands(script string) [][]string {
	var all [][]string
	var command []string
	var word strings.Builder
	begun, quote := false, rune(0)
	endWord := func() {
		if begun {
			command = append(command, word.String())
		}
		word.Reset()
		begun = false
	}
	for _, r := range script {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			begun, quote = true, r
		case strings.ContainsRune(" \t\r\n;&|()", r):
			endWord()
			if !strings.ContainsRune(" \t", r) && len(command) > 0 {
				all, command = append(all, command), nil
			}
		default:
			begun = true
			word.WriteRune(r)
		}
	}
	if endWord(); len(command) > 0 {
		all = append(all, command)
	}
	return all
}
