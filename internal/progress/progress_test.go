package progress_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clipperhouse/displaywidth"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/progress"
	"github.com/secretsync/secretsync/internal/redact"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

var update = flag.Bool("update", false, "rewrite the frames")

const (
	one planner.AccountID = "0123456789abcdef0123456789abcdef"
	two planner.AccountID = "fedcba9876543210fedcba9876543210"
)

// watched is a view with a clock and a terminal of the test's own.
type watched struct {
	*progress.View
	out           bytes.Buffer
	time          time.Time
	width, height int
}

func watch(mode progress.Mode, width int) *watched {
	w := &watched{time: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC), width: width, height: 24}
	w.View = progress.New(progress.Options{
		Mode: mode, Out: &w.out, Now: func() time.Time { return w.time },
		Size: func() (int, int, error) { return w.width, w.height, nil },
	})
	return w
}

// after lets time pass, with a tick at its end, and returns the output since the last call.
func (w *watched) after(d time.Duration) string {
	w.time = w.time.Add(d)
	w.Tick()
	return w.written()
}

func (w *watched) written() string {
	defer w.out.Reset()
	return w.out.String()
}

func (w *watched) events(all ...reconcile.Event) {
	for _, e := range all {
		w.Event(e)
	}
}

func (w *watched) waiting(what reconcile.WaitFor, account planner.AccountID, d time.Duration, reason string) reconcile.Waiting {
	return reconcile.Waiting{For: what, Account: account, Until: w.time.Add(d), Reason: reason, Secrets: 3}
}

const limited = "Cloudflare's rate limit is used up"

// moments are what a run may be doing.
var moments = []struct {
	name   string
	events func(w *watched) []reconcile.Event
	after  time.Duration
}{
	{"reading one of 12 stores", func(*watched) []reconcile.Event {
		return []reconcile.Event{reconcile.Progress{Phase: reconcile.PhaseStores, Account: one, Done: 1, Total: 12}}
	}, 4 * time.Second},
	{"many accounts", func(*watched) (all []reconcile.Event) {
		for i := range 12 {
			all = append(all, reconcile.Progress{Phase: reconcile.PhaseStores, Account: planner.AccountID(fmt.Sprintf("%032x", i)), Done: i % 5, Total: 10})
		}
		return all
	}, 65 * time.Second},
	{"the rate limit in one of two accounts", func(w *watched) []reconcile.Event {
		return []reconcile.Event{
			reconcile.Progress{Phase: reconcile.PhaseApply, Account: one, Done: 34, Total: 100},
			reconcile.Progress{Phase: reconcile.PhaseApply, Account: two, Done: 7, Total: 8},
			w.waiting(reconcile.WaitRateLimit, one, 90*time.Second, limited),
		}
	}, 7 * time.Second},
	{"a retry and activation", func(w *watched) []reconcile.Event {
		return []reconcile.Event{
			reconcile.Progress{Phase: reconcile.PhaseApply, Account: one, Done: 100, Total: 100},
			w.waiting(reconcile.WaitRetry, one, 4*time.Second, "Cloudflare has an internal error (HTTP 502)"),
			w.waiting(reconcile.WaitActive, one, 30*time.Second, ""),
		}
	}, 2 * time.Second},
	{"a lease", func(w *watched) []reconcile.Event {
		lease := w.waiting(reconcile.WaitLease, "", 30*time.Second, "")
		lease.Held = errors.New("the lease s3://bucket/team/prod is held by runner-\x1b[2J宽宽宽宽 (https://ci.example.com/run/7) since 2026-11-27T11:59:00Z, generation 12")
		return []reconcile.Event{lease}
	}, 5 * time.Second},
	{"no answer", func(*watched) []reconcile.Event {
		return []reconcile.Event{reconcile.Progress{Phase: reconcile.PhaseVerify, Account: one, Done: 40, Total: 1200}}
	}, 3723 * time.Second},
	{"stopping", func(w *watched) []reconcile.Event {
		w.Stopping()
		return []reconcile.Event{reconcile.Progress{Phase: reconcile.PhaseApply, Account: one, Done: 12, Total: 100}}
	}, 2 * time.Second},
}

// frame is what a terminal shows after a live view has written its first frame.
func frame(t *testing.T, written string) string {
	t.Helper()
	text, begins := strings.CutPrefix(written, "\r")
	if !begins || strings.Contains(text, "\x1b") {
		t.Fatalf("not one frame: %q", written)
	}
	return text
}

func TestFrames(t *testing.T) {
	for _, width := range []int{60, 80, 120, 200} {
		var all strings.Builder
		for _, m := range moments {
			w := watch(progress.Live, width)
			w.events(m.events(w)...)
			text := frame(t, w.after(m.after))
			fmt.Fprintf(&all, "# %s\n%s\n", m.name, text)
			for line := range strings.Lines(text) {
				if n := displaywidth.String(strings.TrimSuffix(line, "\n")); n >= width {
					t.Errorf("%d columns, %s: %d wide: %q", width, m.name, n, line)
				}
			}
		}
		file := filepath.Join("testdata", fmt.Sprintf("frames-%d.txt", width))
		if *update {
			if err := os.WriteFile(file, []byte(all.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), all.String()); diff != "" {
			t.Errorf("%d columns, -want +got:\n%s", width, diff)
		}
	}
}

// What is quick is not shown.
func TestNothingAppearsAtOnce(t *testing.T) {
	w := watch(progress.Live, 80)
	w.events(reconcile.Progress{Phase: reconcile.PhaseStores, Account: one, Total: 3})
	if got := w.after(400 * time.Millisecond); got != "" {
		t.Errorf("after 400ms: %q", got)
	}
	w.events(reconcile.PhaseEnded{Phase: reconcile.PhaseStores})
	if got := w.after(time.Minute); got != "" {
		t.Errorf("after the end: %q", got)
	}
}

// Lines for the user appear above the live view, in order, and at most one frame is drawn for many
// of them.
func TestLinesAboveTheView(t *testing.T) {
	w := watch(progress.Live, 80)
	stderr := w.Writer(&w.out)
	w.events(reconcile.Progress{Phase: reconcile.PhaseApply, Account: one, Total: 3})
	w.after(time.Second)
	w.time = w.time.Add(50 * time.Millisecond)
	fmt.Fprintln(stderr, "created prod/a")
	first := w.written()
	if !strings.HasPrefix(first, "\r\x1b[1A\x1b[Jcreated prod/a\napplying") {
		t.Errorf("the first line: %q", first)
	}
	fmt.Fprintln(stderr, "created prod/b")
	fmt.Fprintln(stderr, "created prod/c")
	if got := w.written(); got != "" {
		t.Errorf("drawn again at once: %q", got)
	}
	if got := w.after(100 * time.Millisecond); !strings.HasPrefix(got, "\r\x1b[1A\x1b[Jcreated prod/b\ncreated prod/c\napplying") {
		t.Errorf("the next lines: %q", got)
	}
	w.Stop()
	if got := w.written(); got != "\r\x1b[1A\x1b[J\r" {
		t.Errorf("at the end: %q", got)
	}
	fmt.Fprintln(stderr, "error: no")
	if got := w.written(); got != "error: no\n" {
		t.Errorf("after the end: %q", got)
	}
}

// A write to another stream of the terminal first removes the view, and what waits is written
// before it. The view does not begin within a line.
func TestOtherStream(t *testing.T) {
	w := watch(progress.Live, 80)
	stderr, stdout := w.Writer(&w.out), w.Writer(struct{ io.Writer }{&w.out})
	w.events(reconcile.Progress{Phase: reconcile.PhaseApply, Account: one, Total: 3})
	w.after(time.Second)
	w.time = w.time.Add(50 * time.Millisecond)
	fmt.Fprintln(stderr, "one")
	w.written()
	fmt.Fprintln(stderr, "two")
	fmt.Fprint(stdout, "part of ")
	if got := w.written(); got != "\r\x1b[1A\x1b[Jtwo\npart of " {
		t.Errorf("written: %q", got)
	}
	if got := w.after(time.Second); got != "" {
		t.Errorf("drawn within a line: %q", got)
	}
	fmt.Fprint(stdout, "a line\n")
	w.written()
	if got := w.after(time.Second); !strings.Contains(got, "applying") {
		t.Errorf("not drawn again: %q", got)
	}
}

// The filter of the output holds back what could be the beginning of a value. No control sequence is
// cut by that, for another stream of the terminal to complete.
func TestFilterCutsNoControlSequence(t *testing.T) {
	w := watch(progress.Live, 80)
	filter := redact.New()
	filter.Know(secret.New([]byte("Jk3xQ9ZpV7")))
	w.View = progress.New(progress.Options{
		Mode: progress.Live, Out: filter.Writer(&w.out), Now: func() time.Time { return w.time },
		Size: func() (int, int, error) { return w.width, w.height, nil },
	})
	stdout := w.Writer(filter.Writer(&w.out))
	w.events(reconcile.Progress{Phase: reconcile.PhaseApply, Account: one, Total: 3})
	w.after(time.Second)
	fmt.Fprintln(stdout, "Applied: 3 updated.")
	if got := w.written(); !strings.HasPrefix(got, "\r\x1b[1A\x1b[J") || !strings.HasSuffix(got, "Applied: 3 updated.\n") {
		t.Errorf("written: %q", got)
	}
}

// A question is asked without the view, which is shown again after the answer: that ends the line
// of the question.
func TestPause(t *testing.T) {
	w := watch(progress.Live, 80)
	w.events(reconcile.Progress{Phase: reconcile.PhaseApply, Account: one, Total: 3})
	w.after(time.Second)
	w.Pause()
	if got := w.written() + w.after(time.Second); got != "\r\x1b[1A\x1b[J\r" {
		t.Errorf("paused: %q", got)
	}
	fmt.Fprint(w.Writer(&w.out), "Apply? ")
	if got := w.after(time.Second); got != "Apply? " {
		t.Errorf("asked: %q", got)
	}
	w.Resume()
	if got := w.after(time.Second); !strings.Contains(got, "applying") {
		t.Errorf("resumed: %q", got)
	}
}

// While values are read, the live view leaves the terminal to programs that ask for a passphrase. A line
// in a log does not disturb a question.
func TestValuesAreReadWithoutTheView(t *testing.T) {
	for _, mode := range []progress.Mode{progress.Live, progress.Plain} {
		w := watch(mode, 80)
		w.events(reconcile.Progress{Phase: reconcile.PhaseValues, Total: 120})
		got := w.after(11 * time.Second)
		w.events(reconcile.Progress{Phase: reconcile.PhaseStores, Account: one, Total: 12})
		if want := map[progress.Mode]string{progress.Plain: "still reading values, after 11s: no answer for 11s\n"}[mode]; got+w.after(time.Second) != want {
			t.Errorf("%s: %q, want %q", mode, got, want)
		}
		w.events(reconcile.PhaseEnded{Phase: reconcile.PhaseValues})
		if got := w.after(time.Second); mode == progress.Live && !strings.HasPrefix(got, "\rreading stores") {
			t.Errorf("after the values: %q", got)
		}
	}
}

// If there are several waits, a line names the one that ends last.
func TestPlainNamesTheLongestWait(t *testing.T) {
	w := watch(progress.Plain, 0)
	for i, d := range []time.Duration{20, 90, 60} {
		w.events(w.waiting(reconcile.WaitRetry, one, d*time.Second, fmt.Sprintf("reason %d", i)))
	}
	w.written()
	if got := w.after(10 * time.Second); got != "still waiting 1m20s: reason 1\n" {
		t.Errorf("%q", got)
	}
}

// A terminal that became narrower has wrapped the last frame: all of its rows are rewritten.
func TestNarrower(t *testing.T) {
	w := watch(progress.Live, 120)
	w.events(reconcile.Progress{Phase: reconcile.PhaseApply, Account: one, Done: 1, Total: 300}) // a line of 77 columns
	if n := displaywidth.String(strings.TrimSuffix(frame(t, w.after(time.Second)), "\n")); n <= 60 || n > 80 {
		t.Fatalf("the line has %d columns", n)
	}
	w.width = 30
	if got := w.after(time.Second); !strings.HasPrefix(got, "\r\x1b[3A\x1b[J") {
		t.Errorf("redrawn: %q", got)
	}
	w.width, w.height = 10, 3
	if got := w.after(time.Second); !strings.HasPrefix(got, "\r\x1b[") || strings.Contains(got, "applying") {
		t.Errorf("in a tiny terminal: %q", got)
	}
}

// Without a terminal there is one line for each pause, and one every 10 seconds.
func TestPlain(t *testing.T) {
	w := watch(progress.Plain, 0)
	w.events(reconcile.Progress{Phase: reconcile.PhaseApply, Account: one, Total: 100})
	var got strings.Builder
	pass := func(d time.Duration) {
		for range d / time.Second {
			if line := w.after(time.Second); line != "" {
				fmt.Fprintf(&got, "%s %s", w.time.Format("04:05"), line)
			}
		}
	}
	for range 8 { // requests that are delayed by one pause
		w.events(w.waiting(reconcile.WaitRateLimit, one, 25*time.Second, limited))
	}
	pass(27 * time.Second)
	for range 12 {
		w.events(
			reconcile.ActionDone{Result: applier.Result{}},
			reconcile.Progress{Phase: reconcile.PhaseApply, Account: one, Done: 12, Total: 100},
			w.waiting(reconcile.WaitRateLimit, one, 600*time.Millisecond, "keeping to Cloudflare's rate limit"))
		pass(time.Second)
	}
	pass(25 * time.Second) // without any event
	w.events(reconcile.PhaseEnded{Phase: reconcile.PhaseApply}, w.waiting(reconcile.WaitActive, one, 30*time.Second, ""))
	pass(12 * time.Second)
	w.events(reconcile.WaitEnded{For: reconcile.WaitActive, Account: one})
	pass(time.Minute)
	want := `00:01 waiting 25s: Cloudflare's rate limit is used up
00:10 still applying, 0 of 100, after 10s: waiting 15s: Cloudflare's rate limit is used up
00:20 still applying, 0 of 100, after 20s: waiting 5s: Cloudflare's rate limit is used up
00:28 waiting 600ms: keeping to Cloudflare's rate limit
00:38 waiting 600ms: keeping to Cloudflare's rate limit
00:48 still applying, 12 of 100, after 48s: no answer for 10s
00:58 still applying, 12 of 100, after 58s: no answer for 20s
01:14 still waiting for 3 secrets to become active, 20s at most
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Lines say that a run is stopping, unless it has ended.
func TestPlainStopping(t *testing.T) {
	w := watch(progress.Plain, 0)
	w.Stopping()
	w.events(reconcile.Progress{Phase: reconcile.PhaseApply, Account: one, Total: 3})
	if got := w.written(); got != "" {
		t.Errorf("while nothing was under way: %q", got)
	}
	w.Stopping()
	if got := w.written(); !strings.HasPrefix(got, "stopping: ") || strings.Count(got, "\n") != 1 {
		t.Errorf("%q", got)
	}
	w.Stop()
	w.Stopping()
	if got := w.written(); got != "" {
		t.Errorf("after the end: %q", got)
	}
}

// A view that shows nothing, and none at all.
func TestNone(t *testing.T) {
	w := watch(progress.None, 80)
	w.events(reconcile.Progress{Phase: reconcile.PhaseApply, Account: one, Total: 3}, w.waiting(reconcile.WaitLease, "", time.Minute, ""))
	if got := w.after(time.Minute); got != "" || w.Writer(&w.out) != io.Writer(&w.out) {
		t.Errorf("written: %q", got)
	}
	var none *progress.View
	none.Start()
	none.Event(reconcile.PhaseEnded{})
	none.Pause()
	none.Resume()
	none.Stopping()
	none.Stop()
}

// Events of a large apply cost nothing that matters.
func BenchmarkEvent(b *testing.B) {
	for _, mode := range []progress.Mode{progress.Live, progress.Plain} {
		b.Run(string(mode), func(b *testing.B) {
			w := watch(mode, 80)
			for i := range 40 {
				w.events(reconcile.Progress{Phase: reconcile.PhaseApply, Account: planner.AccountID(fmt.Sprint(i)), Total: 100_000})
			}
			var e reconcile.Event = reconcile.Progress{Phase: reconcile.PhaseApply, Account: "20", Done: 1, Total: 100_000}
			b.ReportAllocs()
			for b.Loop() {
				w.Event(e)
			}
		})
	}
}
