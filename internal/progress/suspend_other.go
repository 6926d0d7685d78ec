//go:build !unix

package progress

// watchStops does nothing: programs are not stopped from the terminal here.
func (*View) watchStops() {}

// inBackground reports whether the program runs without the terminal, which there is no way to here.
func inBackground(int) bool { return false }
