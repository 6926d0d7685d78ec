package enginetest

import (
	"time"

	"github.com/secretsync/secretsync/planner"
)

// On is an action on a secret of Prod.
func On(op planner.Op, name string, reasons ...planner.Reason) planner.Action {
	return planner.Action{
		Op: op, Store: Prod, StoreID: "st1", Secret: name, Reasons: reasons, Recovery: planner.Recovery{ListedAt: Start.Add(-time.Second)},
	}
}

// WithValue is the action with its value.
func WithValue(a planner.Action) planner.Action {
	a.SetValue = true
	return a
}
