// Package progress shows how far a run is: as a live view at the bottom of a terminal, or as lines
// about what the run is waiting for.
//
// Call [New], [View.Start], then [View.Event] with the events of the engine, and [View.Stop] at the
// end. What is written to a [View.Writer] appears above the live view.
//
// The live view moves the cursor only upwards, over its own lines. It changes no state of the
// terminal, such as whether the cursor is shown or lines are wrapped: nothing has to be restored if
// the program is killed, and Ctrl-C discards what the terminal has not read yet.
package progress

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/secretsync/secretsync/reconcile"
)

// Mode is how progress is shown.
type Mode string

// The modes.
const (
	// Live is a view that is rewritten in place. It is for terminals.
	Live Mode = "live"
	// Plain is one line for each wait, and one every 10 seconds while it lasts or nothing happens.
	Plain Mode = "plain"
	// None shows nothing.
	None Mode = "none"
)

// Options say how and where progress is shown.
type Options struct {
	Mode Mode
	// Out is where it is shown.
	Out io.Writer
	// FD is the terminal's file descriptor.
	FD int
	// Size returns the size of the terminal, for a live view.
	Size func() (width, height int, err error)
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// View shows how far a run is. It is safe for concurrent use. A nil View shows nothing.
type View struct {
	mode Mode
	out  io.Writer
	fd   int
	now  func() time.Time

	suspended atomic.Bool // from Ctrl-Z until the program continues

	mu     sync.Mutex
	state  state
	plain  plain
	screen screen
	paused bool
	ended  bool
	// resumed says that the program was continued, and not seen in the foreground since then.
	resumed bool
	stop    chan struct{} // nil unless started
	done    sync.WaitGroup
}

// New returns a view. It shows nothing before an event.
func New(o Options) *View {
	if o.Now == nil {
		o.Now = time.Now
	}
	v := &View{mode: o.Mode, out: o.Out, fd: o.FD, now: o.Now}
	if v.mode == Live {
		v.screen = newScreen(o)
	}
	return v
}

// How often a view is updated.
const (
	liveEvery  = 100 * time.Millisecond
	plainEvery = time.Second
	// lateBy is by how many intervals an update is late if the program was probably stopped.
	lateBy = 3
)

// Start begins to update the view by itself.
func (v *View) Start() {
	if v == nil || v.mode == None {
		return
	}
	interval := plainEvery
	if v.mode == Live {
		interval = liveEvery
		v.watchStops()
	}
	stop := make(chan struct{})
	v.stop = stop
	v.done.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		last := time.Now()
		for {
			select {
			case now := <-ticker.C:
				if now.Sub(last) < lateBy*interval {
					v.Tick()
				} // else the signal that the program continues may not have arrived yet
				last = now
			case <-stop:
				return
			}
		}
	})
}

// Tick updates the view to the current time.
func (v *View) Tick() {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.paused || v.ended || v.suspended.Load():
	case v.mode == Live && v.resumed && inBackground(v.fd):
		v.erase() // the shell writes where the view would be
	case v.mode == Live:
		v.resumed = false
		v.draw()
	case v.mode == Plain:
		v.say(v.plain.tick(&v.state, v.now()))
	}
}

// say writes a line.
func (v *View) say(line string) {
	if line != "" {
		_, _ = io.WriteString(v.out, line+"\n")
	}
}

// Event updates the view by an event of the engine.
func (v *View) Event(e reconcile.Event) {
	if v == nil || v.mode == None {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	v.state.event(e, now)
	if v.mode == Plain && !v.ended {
		v.say(v.plain.event(&v.state, e, now))
	}
}

// Stopping shows that the run was interrupted, and ends as soon as it can.
func (v *View) Stopping() {
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.state.stopping = true
	if v.mode == Plain && !v.ended && !v.state.idle(v.now()) {
		v.say(stopping)
	}
}

// Pause removes the view until [View.Resume], as for a question.
func (v *View) Pause() {
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.paused = true
	v.erase()
}

// Resume shows the view again.
func (v *View) Resume() {
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.paused = false
	v.screen.partial = false // the answer has ended the question's line
	v.state.moved = v.now()
}

// clear removes the view before the program stops. If another program has the terminal already, the
// cursor is not where the view left it, and nothing can be removed.
func (v *View) clear() {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case !v.suspended.Load(): // it was too late
	case inBackground(v.fd):
		v.screen.forget()
	default:
		v.erase()
	}
}

// continued lets the view be drawn again after a stop, at the cursor: a shell has written below the
// last frame.
func (v *View) continued() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.screen.forget()
	v.resumed = true
	v.suspended.Store(false)
}

// Stop removes the view for good. It may be called more than once.
func (v *View) Stop() {
	if v == nil {
		return
	}
	v.mu.Lock()
	started := v.stop
	v.stop, v.ended = nil, true
	v.erase()
	v.mu.Unlock()
	if started != nil {
		close(started)
		v.done.Wait()
	}
}
