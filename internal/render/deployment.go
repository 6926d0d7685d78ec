package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/secretsync/secretsync/internal/render/foreign"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

// Deployment writes what reads each secret, and ends with a line that sums it up.
func Deployment(w io.Writer, d *reconcile.Deployment, style Style) error {
	out := &printer{w: w}
	width := nameWidth(d.Secrets, func(s reconcile.SecretReaders) string { return s.Key.Name })
	for i, s := range d.Secrets {
		if i == 0 || s.Key.Store != d.Secrets[i-1].Key.Store || s.StoreID != d.Secrets[i-1].StoreID {
			out.line("%s", style.heading(storeTitle(s), s.Key.Store.Account))
		}
		line := fmt.Sprintf("  %-*s  %s", width, foreign.Word(s.Key.Name), readersLine(s))
		if !s.Managed {
			line += "; not managed by this manifest"
		}
		out.line("%s", line)
	}
	if len(d.Secrets) > 0 {
		out.line("")
	}
	out.line("%s", deploymentSummary(d))
	return out.err
}

// storeTitle is a store's name, or its id if the lockfile does not have it.
func storeTitle(s reconcile.SecretReaders) string {
	if s.Key.Store.Name == "" {
		return "store with the id " + foreign.Word(string(s.StoreID))
	}
	return foreign.Word(s.Key.Store.Name)
}

// maxReaders bounds the readers that are named for a secret.
const maxReaders = 20

func readersLine(s reconcile.SecretReaders) string {
	if len(s.Readers) == 0 {
		return "no reader found"
	}
	var all []string
	for _, r := range s.Readers[:min(len(s.Readers), maxReaders)] {
		text := strings.TrimPrefix(strings.TrimPrefix(reader(r.Reader, r.Worker), "the "), "deployed ")
		if r.Binding != "" {
			text += " (" + foreign.Name(r.Binding) + ")"
		}
		all = append(all, text)
	}
	if more := len(s.Readers) - maxReaders; more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, ", ")
}

// without counts the managed secrets that nothing was found to read.
func without(d *reconcile.Deployment) int {
	n := 0
	for _, s := range d.Secrets {
		if len(s.Readers) == 0 {
			n++
		}
	}
	return n
}

func deploymentSummary(d *reconcile.Deployment) string {
	registries := fmt.Sprintf("%d container registries", d.Registries)
	if d.Registries == 1 {
		registries = "1 container registry"
	}
	text := fmt.Sprintf("%s, %s, %s: %d of %s without a reader.",
		count(d.Workers, "deployed Worker"), count(d.Gateways, "AI Gateway"), registries, without(d), count(len(d.Secrets), "secret"))
	if len(d.Unread) > 0 {
		text = "Incomplete: not everything could be read. " + text
	}
	return text
}

// deploymentReport is what reads each secret, as JSON.
type deploymentReport struct {
	SchemaVersion int `json:"schema_version"`
	// Complete is false if something could not be read, so that there may be more readers.
	Complete   bool              `json:"complete"`
	Workers    int               `json:"workers"`
	Gateways   int               `json:"gateways"`
	Registries int               `json:"registries"`
	Secrets    []deployedSecrets `json:"secrets"`
}

type deployedSecrets struct {
	AccountID string           `json:"account_id"`
	Store     string           `json:"store,omitempty"`
	StoreID   string           `json:"store_id,omitempty"`
	Secret    string           `json:"secret"`
	Managed   bool             `json:"managed"`
	Readers   []deployedReader `json:"readers"`
}

type deployedReader struct {
	Kind    planner.ReaderKind `json:"kind"`
	Name    string             `json:"name"`
	Binding string             `json:"binding,omitempty"`
}

// DeploymentJSON writes what reads each secret for programs (docs/output.md).
func DeploymentJSON(w io.Writer, d *reconcile.Deployment) error {
	r := deploymentReport{
		SchemaVersion: 1, Complete: len(d.Unread) == 0,
		Workers: d.Workers, Gateways: d.Gateways, Registries: d.Registries, Secrets: []deployedSecrets{},
	}
	for _, s := range d.Secrets {
		one := deployedSecrets{
			AccountID: string(s.Key.Store.Account), Store: s.Key.Store.Name, StoreID: string(s.StoreID), Secret: s.Key.Name,
			Managed: s.Managed, Readers: []deployedReader{},
		}
		for _, ref := range s.Readers {
			one.Readers = append(one.Readers, deployedReader{ref.Reader, ref.Worker, ref.Binding})
		}
		r.Secrets = append(r.Secrets, one)
	}
	return WriteJSON(w, r)
}
