package redact

// Visited counts all visits to nodes of known texts so far.
func Visited(f *Filter) int { return f.visited }

// Quoted and Unquoted are for tests of them.
var Quoted = quoted

const Unquoted = unquoted
