package planfile_test

import (
	"fmt"
	"log"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
)

// A plan is saved for a review. Before it is applied, a plan is built again, and must not do
// more than was reviewed.
func Example() {
	prod := planner.StoreKey{Account: "0123456789abcdef0123456789abcdef", Name: "prod"}
	create := func(name string) planner.Action {
		return planner.Action{
			Op: planner.OpCreate, Store: prod, Secret: name, SetValue: true, Reasons: []planner.Reason{planner.ReasonNew},
			Scopes: &planner.Change[[]string]{After: []string{"workers"}}, Source: "env " + name,
		}
	}
	data := planfile.New(&planner.Plan{Actions: []planner.Action{create("API_KEY")}}, planfile.Inputs{Manifest: "secretsync.yaml"}).Format()

	reviewed, err := planfile.Parse("plan.json", data)
	if err != nil {
		log.Fatal(err)
	}
	now := &planner.Plan{Actions: []planner.Action{create("API_KEY"), create("DB_PASSWORD")}}
	difference := planfile.Compare(reviewed.Plan(), now)
	fmt.Println("covered by the review:", difference.Holds())
	for _, a := range difference.Added {
		fmt.Println("not reviewed:", a.Op, a.Secret)
	}
	// Output:
	// covered by the review: false
	// not reviewed: create DB_PASSWORD
}
