//go:build !unix

package progress

// watchStops does nothing: programs are not stopped from the terminal here.
func (*View) watchStops() {}

// inBackground reports whether the program runs in the background, which this system does not have.
func inBackground(int) bool { return false }
