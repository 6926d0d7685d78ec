// Package shell writes what can be pasted: command lines for a shell, and patterns for git.
package shell

import (
	"path/filepath"
	"strings"
)

// plain are the characters that no shell treats specially.
const plain = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-/=:+"

// Word quotes an argument for a shell, if it needs that.
func Word(arg string) string {
	if arg != "" && strings.Trim(arg, plain) == "" && arg[0] != '=' { // zsh replaces =program
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

// File is [Word] for the name of a file, which no program takes for a flag.
func File(name string) string {
	if strings.HasPrefix(name, "-") {
		name = "./" + name
	}
	return Word(name)
}

// GitPattern returns a pattern that matches a file name in .gitattributes and .gitignore,
// without the characters that have a meaning there: "?" matches any byte.
func GitPattern(name string) string {
	pattern := []byte(name)
	for i, c := range pattern {
		if !strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-", rune(c)) {
			pattern[i] = '?'
		}
	}
	return string(pattern)
}

// Git is a command of git about a file, which works outside the file's repository too.
func Git(file string, words ...string) string {
	text := "git "
	if dir := filepath.Dir(file); dir != "." {
		text += "-C " + File(dir) + " "
	}
	return text + strings.Join(words, " ") + " -- " + Word(filepath.Base(file))
}
