package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/reconcile"
)

// approval says how a plan is approved: by an earlier review, automatically, or by an
// answer on the terminal.
type approval struct {
	command  string // that asks
	auto     bool
	word     string
	reviewed reconcile.Review
	// question replaces the question about the actions of a plan, for a command that has none.
	question string
}

// approve asks for approval of the given number of actions.
func (a *App) approve(ctx context.Context, things int, ask approval) error {
	switch {
	case ask.auto || ask.reviewed.Given():
		return nil
	case !isTerminal(a.In) && ask.question != "":
		return hint.With(errors.New("approval is needed, and there is no terminal to ask on"), "read the list, then run this again with --auto-approve")
	case !isTerminal(a.In):
		todo := fmt.Sprintf("read the plan, then run %s again with --auto-approve", ask.command)
		if ask.command == "apply" {
			todo += " or with the reviewed plan"
		}
		return hint.With(fmt.Errorf("%s needs approval, and there is no terminal to ask on", ask.command), todo)
	}
	question := "\nApply this action?"
	if things > 1 {
		question = fmt.Sprintf("\nApply these %d actions?", things)
	}
	if ask.question != "" {
		question = "\n" + ask.question
	}
	switch ok, err := a.confirm(ctx, question, ask.word); {
	case err != nil:
		return &status{exitInterrupted, errors.New("interrupted: nothing was changed")}
	case !ok:
		return errors.New("not approved: nothing was changed")
	}
	return nil
}
