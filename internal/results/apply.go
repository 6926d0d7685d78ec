package results

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/reconcile"
)

// Apply writes a plan, the outcomes of its actions, and the report, as text or as JSON
// events.
type Apply struct {
	Out   io.Writer
	JSON  bool
	Style render.Style
	// Quiet leaves out the lines about actions that were done.
	Quiet bool
	// Interrupted reports whether the apply was interrupted.
	Interrupted func() bool
	// Say writes a line to the standard error.
	Say func(format string, args ...any)

	names   render.Names // of what is in the plan
	skipped int          // actions that were skipped
}

// maxSkipped is how many actions that were skipped have a line of their own. What keeps them all
// from being tried is the same for most of them.
const maxSkipped = 20

func (p *Apply) events() *render.Events { return &render.Events{W: p.Out, Now: time.Now} }

// Plan writes what is to be done.
func (p *Apply) Plan(proposal *reconcile.Proposal) error {
	p.names = render.PlanNames(proposal.Plan)
	if p.JSON {
		return p.events().Plan(proposal.File())
	}
	return render.Plan(p.Out, proposal.Plan, render.PlanInfo{}, p.Style)
}

// Done writes the outcome of an action.
func (p *Apply) Done(r applier.Result) {
	switch {
	case p.JSON:
		_ = p.events().Result(r) // the write of the last event reports whether the reader is still there
	case p.worthALine(r):
		p.Say("%s", render.Progress(r, p.names))
	}
}

// worthALine reports whether a result is written as text, and counts it if it was skipped. What an
// interrupt kept from being done is counted by the last line.
func (p *Apply) worthALine(r applier.Result) bool {
	switch r.Outcome {
	case applier.Done:
		return !p.Quiet
	case applier.Skipped:
		p.skipped++
		return p.skipped <= maxSkipped && !p.Interrupted()
	case applier.Failed:
		return !errors.Is(r.Err, context.Canceled)
	}
	return true
}

// Report writes how the apply ended. If there was nothing to do, the plan has already said
// so.
func (p *Apply) Report(r *applier.Report, err error, nothing bool, proof *reconcile.Verification) error {
	proven := proof != nil && len(proof.Secrets) > 0
	switch {
	case p.JSON && proven:
		return errors.Join(p.events().Verified(proof), p.events().End(r, err))
	case p.JSON:
		return p.events().End(r, err)
	case nothing:
		return nil
	}
	if more := p.skipped - maxSkipped; more > 0 && !p.Interrupted() {
		p.Say("skipped: %d more", more)
	}
	if err := render.Report(p.Out, r); err != nil || !proven {
		return err
	}
	return render.Verification(p.Out, proof, p.Style)
}
