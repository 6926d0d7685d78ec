package planner_test

import (
	"fmt"
	"time"

	"github.com/secretsync/secretsync/planner"
)

// A manifest has two secrets. One was applied before, and its value has changed since; the
// other one is new. A third secret in the store is not in the manifest.
func Example() {
	prod := planner.StoreKey{Account: "0123456789abcdef0123456789abcdef", Name: "prod"}
	plan := planner.Build(planner.Input{
		Desired: []planner.DesiredStore{{Key: prod, Secrets: []planner.DesiredSecret{
			{Name: "api-key", Scopes: []string{"workers"}, Value: planner.ValueChanged},
			{Name: "db-password", Scopes: []string{"workers"}, Value: planner.ValueNew},
		}}},
		Recorded: []planner.RecordedStore{{Key: prod, ID: "st1", Secrets: []planner.RecordedSecret{
			{Name: "api-key", ID: "s1", Scopes: []string{"workers"}, Modified: "2026-11-01T12:00:00Z"},
		}}},
		Live: []planner.LiveStore{{Key: prod, ID: "st1", Secrets: []planner.LiveSecret{
			{Name: "api-key", ID: "s1", Scopes: []string{"workers"}, Modified: "2026-11-01T12:00:00Z"},
			{Name: "by-hand", ID: "s2", Scopes: []string{"workers"}, Modified: "2026-10-05T09:30:00Z"},
		}}},
		Now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
	})
	for _, a := range plan.Actions {
		fmt.Println(a.Op, a.Secret, a.Reasons)
	}
	for _, n := range plan.Notes {
		fmt.Println("note:", n.Kind, n.Secret)
	}
	fmt.Println("problems:", len(plan.Problems))
	// Output:
	// create db-password [new]
	// update api-key [value_changed]
	// note: unmanaged by-hand
	// problems: 0
}

// An account with a full quota has to delete a secret before it can create another one.
// Build decides that if it knows the quota, which is worth a request if the plan creates
// anything.
func ExampleBuild_quota() {
	prod := planner.StoreKey{Account: "0123456789abcdef0123456789abcdef", Name: "prod"}
	in := planner.Input{
		Desired: []planner.DesiredStore{{Key: prod, Secrets: []planner.DesiredSecret{
			{Name: "new-key", Scopes: []string{"workers"}, Value: planner.ValueNew},
		}}},
		Recorded: []planner.RecordedStore{{Key: prod, ID: "st1", Secrets: []planner.RecordedSecret{
			{Name: "old-key", ID: "s1", Scopes: []string{"workers"}, Modified: "2026-11-01T12:00:00Z", Delete: true},
		}}},
		Live: []planner.LiveStore{{Key: prod, ID: "st1", Secrets: []planner.LiveSecret{
			{Name: "old-key", ID: "s1", Scopes: []string{"workers"}, Modified: "2026-11-01T12:00:00Z"},
		}}},
		Now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
	}
	plan := planner.Build(in)
	fmt.Println("first:", plan.Actions[0].Op)
	if plan.Creates()[prod.Account] > 0 {
		in.Quotas = map[planner.AccountID]planner.Quota{prod.Account: {Usage: 100, Limit: 100}}
		plan = planner.Build(in)
	}
	fmt.Println("first:", plan.Actions[0].Op)
	// Output:
	// first: create
	// first: delete
}

// Another client has written to a secret since it was applied.
func ExampleFindDrift() {
	prod := planner.StoreKey{Account: "0123456789abcdef0123456789abcdef", Name: "prod"}
	found := planner.FindDrift(planner.Input{
		Recorded: []planner.RecordedStore{{Key: prod, ID: "st1", Secrets: []planner.RecordedSecret{
			{Name: "api-key", ID: "s1", Scopes: []string{"workers"}, Modified: "2026-11-01T12:00:00Z"},
		}}},
		Live: []planner.LiveStore{{Key: prod, ID: "st1", Secrets: []planner.LiveSecret{
			{Name: "api-key", ID: "s1", Scopes: []string{"workers"}, Modified: "2026-11-20T08:15:00Z"},
		}}},
		Now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
	})
	for _, d := range found {
		fmt.Println(d.Kind, d.Secret, d.Counts)
	}
	// Output:
	// changed api-key true
}
