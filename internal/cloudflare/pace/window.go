package pace

import "time"

// window counts requests in a sliding window. When a server counts a request is unknown
// until it answers, so a request counts from when it is sent until a window's length after
// its answer.
type window struct {
	limit    int
	length   time.Duration
	inFlight int
	answered []time.Time // when the last requests were answered, oldest first; at most limit
}

// wait returns how long to wait until one more request fits, or zero.
func (w *window) wait(now time.Time) time.Duration {
	for len(w.answered) > 0 && now.Sub(w.answered[0]) >= w.length {
		w.answered = w.answered[1:]
	}
	over := w.inFlight + len(w.answered) - w.limit
	switch {
	case over < 0:
		return 0
	case over >= len(w.answered): // those in flight fill it: even if one is answered now, it counts that long
		return w.length
	}
	return w.answered[over].Add(w.length).Sub(now)
}

// done counts a request as answered.
func (w *window) done(now time.Time) {
	w.inFlight--
	w.answered = append(w.answered, now)
	if len(w.answered) > w.limit {
		w.answered = w.answered[1:]
	}
}
