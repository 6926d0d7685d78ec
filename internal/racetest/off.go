//go:build !race

package racetest

// Enabled says that the program is built with the race detector, which allocates more.
const Enabled = false
