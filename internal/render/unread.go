package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/render/annotation"
	"github.com/secretsync/secretsync/internal/render/foreign"
	"github.com/secretsync/secretsync/planner"
)

// An account that could not be read makes a plan or a check for drift incomplete. Every report
// says so first, because a reader cannot see what it leaves out. The reasons are in the run's error
// messages, which may contain a server's text, so they are not part of a report.

// unreadAccount is an account that could not be read, and its stores.
type unreadAccount struct {
	id     planner.AccountID
	stores []string
}

// unreadAccounts groups stores that are ordered by their accounts.
func unreadAccounts(stores []planner.StoreKey) []unreadAccount {
	var accounts []unreadAccount
	for i, s := range stores {
		if i == 0 || s.Account != stores[i-1].Account {
			accounts = append(accounts, unreadAccount{id: s.Account})
		}
		last := &accounts[len(accounts)-1]
		last.stores = append(last.stores, s.Name)
	}
	return accounts
}

// unreadStore is a store's name, so short that as many as [Shortened] keeps fit in an entry of a
// comment: long ones must not take the account's place.
func unreadStore(name string) string {
	if foreign.Width(name) > foreign.MaxText {
		return foreign.Excerpt(name, foreign.MaxText)
	}
	return foreign.Word(name)
}

// unreadInPlan are the accounts that a plan leaves out.
func unreadInPlan(p *planner.Plan) []unreadAccount {
	var stores []planner.StoreKey
	for _, n := range p.Notes {
		if n.Kind == planner.NoteAccountUnread {
			stores = append(stores, n.Store)
		}
	}
	return unreadAccounts(stores)
}

// withoutUnread returns drift, and apart from it the accounts that were not checked.
func withoutUnread(drift []planner.Drift) (found []planner.Drift, unread []unreadAccount) {
	var stores []planner.StoreKey
	for _, d := range drift {
		if d.Kind == planner.DriftAccountUnread {
			stores = append(stores, d.Store)
		} else {
			found = append(found, d)
		}
	}
	return found, unreadAccounts(stores)
}

// UnreadAccounts counts the accounts that were not checked for drift.
func UnreadAccounts(drift []planner.Drift) int {
	_, unread := withoutUnread(drift)
	return len(unread)
}

// What an account that could not be read means for its stores.
const (
	notPlanned = "not in this plan"
	notChecked = "not checked"
)

// sentence says which stores of the account are missing: what is notPlanned or notChecked.
func (u unreadAccount) sentence(what string) string {
	names := slices.Clone(u.stores)
	for i, name := range names[:min(len(names), maxNames)] { // no others are shown
		names[i] = unreadStore(name)
	}
	return fmt.Sprintf("account %s could not be read; %s: %s %s", foreign.Name(string(u.id)), what, storesWord(len(names)), Shortened(names))
}

func storesWord(n int) string {
	if n == 1 {
		return "store"
	}
	return "stores"
}

func sentences(unread []unreadAccount, what string) []string {
	lines := make([]string, len(unread))
	for i, u := range unread {
		lines[i] = u.sentence(what)
	}
	return lines
}

// printUnread writes the accounts that could not be read as text.
func printUnread(out *printer, unread []unreadAccount, what string, style Style) {
	for _, line := range sentences(unread, what) {
		out.line("%s", style.paint(colorRemove, "incomplete: "+line))
	}
	if len(unread) > 0 {
		out.line("")
	}
}

// unread writes them in a comment, given as entries.
func (b *comment) unread(entries []entry) {
	b.list("**This is incomplete.** The error messages of the run say why.", "text", entries, b.limit/4)
}

// maxUnread bounds the accounts that an annotation names.
const maxUnread = 3

// unreadAnnotations are one annotation for all of them, because GitHub keeps few.
func unreadAnnotations(unread []unreadAccount, what string) []annotation.Message {
	if len(unread) == 0 {
		return nil
	}
	text := "incomplete: " + strings.Join(sentences(unread[:min(len(unread), maxUnread)], what), "; ")
	if more := len(unread) - maxUnread; more > 0 {
		text += fmt.Sprintf("; and %s more", count(more, "account"))
	}
	return []annotation.Message{{Text: text}}
}

// unreadFindings are one finding for each.
func unreadFindings(unread []unreadAccount, what, check, manifest string) []annotation.Finding {
	list := []annotation.Finding{}
	for _, line := range sentences(unread, what) {
		list = append(list, annotation.NewFinding(manifest, check, "blocker", "incomplete: "+line, planner.Position{}))
	}
	return list
}

// incomplete begins a summary if accounts could not be read.
func incomplete(accounts int) string {
	if accounts == 0 {
		return ""
	}
	return fmt.Sprintf("Incomplete: %s could not be read. ", count(accounts, "account"))
}
