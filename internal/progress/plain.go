package progress

import (
	"fmt"
	"slices"
	"time"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/reconcile"
)

// every is how often a plain view says that a run still waits, and for the same thing at most.
const every = 10 * time.Second

// plain says in lines what the run is waiting for.
type plain struct {
	last time.Time             // when it last wrote a line, or an action ended
	said map[waitKey]time.Time // when it last said that it waits
}

// waitKey identifies what the run is waiting for.
type waitKey struct {
	what    reconcile.WaitFor
	account string
	reason  string
}

// event returns the line about an event, if it has one. s has the event already.
func (p *plain) event(s *state, e reconcile.Event, now time.Time) string {
	switch e := e.(type) {
	case reconcile.ActionDone:
		p.last = now
	case reconcile.Waiting:
		key := waitKey{e.For, string(e.Account), e.Reason}
		switch e.For {
		case reconcile.WaitActive, reconcile.WaitWorkers: // usually short
			return ""
		case reconcile.WaitRateLimit, reconcile.WaitRetry:
			if said, ok := p.said[key]; ok && now.Sub(said) < every {
				return ""
			}
		}
		p.say(key, now)
		return render.Waiting(e, e.Until.Sub(now), s.several())
	}
	return ""
}

// say remembers when a wait was last reported.
func (p *plain) say(key waitKey, now time.Time) {
	if p.said == nil {
		p.said = map[waitKey]time.Time{}
	}
	p.said[key], p.last = now, now
}

// tick returns the line that is due at a time. There is none while work makes progress.
func (p *plain) tick(s *state, now time.Time) string {
	if s.idle(now) {
		return ""
	}
	stalled := now.Sub(s.moved) >= stallAfter
	if p.last.Before(s.busy) {
		p.last = s.busy
	}
	if len(s.waits) == 0 && !stalled || now.Sub(p.last) < every {
		return ""
	}
	p.last = now
	why := fmt.Sprintf("no answer for %s", render.Seconds(now.Sub(s.moved)))
	for _, w := range s.waits {
		p.say(waitKey{w.For, string(w.Account), w.Reason}, now)
	}
	if len(s.waits) > 0 {
		longest := slices.MaxFunc(s.waits, func(x, y reconcile.Waiting) int { return x.Until.Compare(y.Until) })
		why = render.Waiting(longest, longest.Until.Sub(now), s.several())
	}
	if len(s.phases) == 0 {
		return "still " + why
	}
	ph := s.phases[0]
	text := "still " + render.Phase(ph.name)
	if ph.name != reconcile.PhaseValues && ph.total > 0 {
		text += fmt.Sprintf(", %d of %d", ph.done, ph.total)
	}
	return fmt.Sprintf("%s, after %s: %s", text, render.Seconds(now.Sub(ph.began)), why)
}
