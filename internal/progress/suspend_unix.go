//go:build unix

package progress

import (
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// clearTime is how long a stop waits for the view to be removed: a terminal that takes no output must
// not keep the program from stopping.
const clearTime = 250 * time.Millisecond

// watchStops removes the view before Ctrl-Z stops the program, and has it drawn below what the shell
// wrote once the program continues. It does so until the program ends, even after [View.Stop]: Go
// cannot restore the default of a signal that was caught once.
//
// If no shell would notice the stop, as in a script, the system's default stays: it stops the program
// at once, together with the script, or not at all.
func (v *View) watchStops() {
	continues := make(chan os.Signal, 1)
	signal.Notify(continues, unix.SIGCONT)
	stops := make(chan os.Signal, 1)
	if underJobControl() {
		signal.Notify(stops, unix.SIGTSTP)
	}
	go func() {
		for {
			select {
			case <-stops:
				v.suspend(continues)
			case <-continues:
				v.continued()
			}
		}
	}()
}

// suspend stops the program, once the view is removed. It cannot send itself the signal that was
// caught, which would be caught again.
func (v *View) suspend(continues <-chan os.Signal) {
	if !underJobControl() { // the shell has ended: the system would not stop the program either
		return
	}
	v.suspended.Store(true)
	cleared := make(chan struct{})
	go func() {
		defer close(cleared)
		v.clear()
	}()
	select {
	case <-cleared:
	case <-time.After(clearTime):
	}
	select {
	case <-continues: // already
		v.continued()
	default:
		_ = unix.Kill(unix.Getpid(), unix.SIGSTOP)
	}
}

// underJobControl reports whether the parent has given the program a process group of its own, as a
// shell with job control does: it notices when the program stops, and can continue it.
func underJobControl() bool {
	parent := unix.Getppid()
	group, err := unix.Getpgid(parent)
	if err != nil || group == unix.Getpgrp() {
		return false
	}
	session, err := unix.Getsid(parent)
	own, errOwn := unix.Getsid(0)
	return err == nil && errOwn == nil && session == own
}

// inBackground reports whether a shell has continued the program without giving it the terminal.
func inBackground(fd int) bool {
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err == nil && group != unix.Getpgrp()
}
