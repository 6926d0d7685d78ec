package progress

import (
	"bytes"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/clipperhouse/displaywidth"
	"github.com/vbauerster/cupwriter"
)

const (
	// redrawEvery is the shortest time between redraws of the live view because of text above it.
	redrawEvery = 50 * time.Millisecond
	// maxLines is the most lines of a live view.
	maxLines = 8
	// minWidth and minHeight are the size of the smallest terminal with a live view.
	minWidth, minHeight = 20, 4
)

// screen is the lines at the bottom of a terminal that the live view rewrites.
type screen struct {
	size    func() (width, height int, err error)
	out     *oneWrite
	cursor  *cupwriter.Writer // moves over the lines of the last frame
	lines   []string          // of the last frame; none if it is not shown
	width   int               // of the terminal then
	drawn   time.Time
	pending []byte // text to write above the next frame
	partial bool   // the last text ended within a line
}

func newScreen(o Options) screen {
	out := &oneWrite{w: o.Out}
	cursor := cupwriter.New(out, true)
	if runtime.GOOS == "windows" { // its console is not controlled by escape sequences alone
		cursor.SetTermFd(o.FD)
	}
	return screen{size: o.Size, out: out, cursor: cursor}
}

// oneWrite collects cursor movements and text and writes them at once, so that a terminal shows
// nothing in between.
type oneWrite struct {
	w io.Writer
	b bytes.Buffer
}

func (o *oneWrite) Write(p []byte) (int, error) {
	if o.b.Len() == 0 {
		o.b.WriteByte('\r') // a terminal shows what is typed, such as ^C
	}
	return o.b.Write(p)
}

// flush writes what was collected. It must not end with a control sequence: the last character could
// be the beginning of a value, which the output's filter holds back until more follows, and the text
// of another stream would complete the sequence. The cursor is at the beginning of the line already.
func (o *oneWrite) flush() {
	if bytes.HasSuffix(o.b.Bytes(), []byte("\x1b[J")) {
		o.b.WriteByte('\r')
	}
	if o.b.Len() > 0 {
		_, _ = o.w.Write(o.b.Bytes())
	}
	o.b.Reset()
}

// draw shows the work under way, below the text to write.
func (v *View) draw() {
	s, now := &v.screen, v.now()
	width, height, err := s.size()
	var lines []string
	if err == nil && width >= minWidth && height >= minHeight && !s.partial {
		lines = v.state.frame(now, width-1, min(maxLines, height-2))
	}
	if len(s.pending) == 0 && width == s.width && slices.Equal(lines, s.lines) {
		return
	}
	s.drawn = now
	s.show(lines, width)
}

// erase removes the live view, and writes the text that waits.
func (v *View) erase() {
	if s := &v.screen; v.mode == Live && (len(s.lines) > 0 || len(s.pending) > 0) {
		width, _, err := s.size()
		if err != nil {
			width = s.width
		}
		s.show(nil, width)
	}
}

// show replaces the last frame by the text that waits and another frame.
func (s *screen) show(lines []string, width int) {
	s.refit(width)
	_, _ = s.cursor.Write(s.pending)
	s.pending = s.pending[:0]
	for _, line := range lines {
		_, _ = s.cursor.WriteString(line + "\n")
	}
	_ = s.cursor.Flush(len(lines))
	s.out.flush()
	s.lines, s.width = lines, width
}

// forget leaves the last frame where it is.
func (s *screen) forget() {
	s.lines = nil
	s.cursor.Reset()
}

// refit makes up for a terminal that has become narrower, and so has wrapped the last frame.
func (s *screen) refit(width int) {
	if width >= s.width || width <= 0 || len(s.lines) == 0 || runtime.GOOS == "windows" {
		return
	}
	rows := 0
	for _, line := range s.lines {
		rows += max(1, (displaywidth.String(line)+width-1)/width)
	}
	s.cursor.Reset()
	_ = s.cursor.Flush(rows)
}

// Writer returns a writer to w, a stream to the same terminal. What is written appears above the
// live view. Text for the stream of the view itself may wait for a moment, so that much of it does
// not make the view flicker.
func (v *View) Writer(w io.Writer) io.Writer {
	if v == nil || v.mode != Live {
		return w
	}
	return &above{v, w}
}

type above struct {
	view *View
	w    io.Writer
}

// Unwrap returns the writer below.
func (a *above) Unwrap() io.Writer { return a.w }

func (a *above) Write(p []byte) (int, error) {
	v := a.view
	v.mu.Lock()
	defer v.mu.Unlock()
	s := &v.screen
	if len(p) > 0 {
		s.partial = p[len(p)-1] != '\n'
	}
	if len(s.lines) == 0 && len(s.pending) == 0 {
		return a.w.Write(p)
	}
	if a.w != v.out {
		v.erase()
		return a.w.Write(p)
	}
	s.pending = append(s.pending, p...)
	if v.now().Sub(s.drawn) >= redrawEvery {
		v.draw()
	}
	return len(p), nil
}
