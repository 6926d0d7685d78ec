package redact

// Visited is how many nodes of what is known were visited so far, each time.
func Visited(f *Filter) int { return f.visited }

// Quoted and Unquoted are for tests of them.
var Quoted = quoted

const Unquoted = unquoted
