// Package shell writes command lines that can be pasted into a shell.
package shell

import "strings"

// plain are the characters that no shell treats specially.
const plain = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-/"

// Word quotes an argument for a shell, if it needs that.
func Word(arg string) string {
	if arg != "" && strings.Trim(arg, plain) == "" {
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
