package main

import (
	"bytes"
	"strings"

	"github.com/secretsync/secretsync/manifest"
)

// guard withholds values from what is printed.
type guard struct{ values []manifest.Value }

// Know keeps a copy: the engine wipes values that it no longer needs.
func (g *guard) Know(v manifest.Value) {
	if len(v.Reveal()) > 0 {
		g.values = append(g.values, manifest.NewValue(bytes.Clone(v.Reveal())))
	}
}

// Public has nothing to do: this filter does not look at text that others chose.
func (g *guard) Public(...string) {}

func (g *guard) filter(text string) string {
	for _, v := range g.values {
		text = strings.ReplaceAll(text, string(v.Reveal()), "[withheld]")
	}
	return text
}
