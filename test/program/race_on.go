//go:build race

package program

// Race says that the program is built with the race detector, which allocates more.
const Race = true
