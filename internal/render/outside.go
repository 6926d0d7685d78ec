package render

import (
	"fmt"
	"time"

	"github.com/secretsync/secretsync/internal/render/foreign"
	"github.com/secretsync/secretsync/planner"
)

// channels are the ways to change a secret, by Cloudflare's words.
var channels = map[string]string{
	"dash": "dashboard", "api_token": "API token", "api_key": "API key", "oauth": "OAuth", "origin_ca_key": "origin CA key",
}

// changedBy says who made a change, how and when.
func changedBy(o planner.OutsideChange) string {
	if o.At == "" {
		return "not in the audit log yet"
	}
	by := "by an unknown actor"
	if o.Actor != "" {
		by = "by " + foreign.Name(o.Actor)
	}
	if how := channels[o.Channel]; how != "" {
		by += " (" + how + ")"
	} else if o.Channel != "" {
		by += " (" + foreign.Name(o.Channel) + ")"
	}
	at := foreign.Name(string(o.At))
	if t, err := time.Parse(time.RFC3339Nano, string(o.At)); err == nil {
		at = t.UTC().Format(time.RFC3339)
	}
	return by + " at " + at + setsValue(o)
}

// ChangeParts returns who made a change, how and when; unknown parts are empty. Only the actor is
// foreign text.
func ChangeParts(o planner.OutsideChange) (actor, how, at string) {
	if t, err := time.Parse(time.RFC3339Nano, string(o.At)); err == nil {
		at = t.UTC().Format(time.RFC3339)
	}
	return o.Actor, channels[o.Channel], at
}

// setsValue says whether a change set a value.
func setsValue(o planner.OutsideChange) string {
	switch {
	case o.Value == planner.ValueModified:
		return ", which set a value"
	case o.ValueBefore:
		return "; an earlier change set a value"
	case o.Value == planner.ValueKept:
		return ", which set no value"
	}
	return ""
}

// valueAfter says what is known about the value after a change by others. Nothing reads the value; a
// proof says more than the audit log.
func valueAfter(d planner.Drift) string {
	switch {
	case d.Value.Known() || d.Outside == nil:
	case d.Outside.MetadataOnly:
		return valueWords(planner.LiveSame)
	case d.Outside.Value == planner.ValueModified, d.Outside.ValueBefore:
		return "the value was set"
	}
	return valueWords(d.Value)
}

// reader is what reads a secret, as the subject of a sentence.
func reader(kind planner.ReaderKind, name string) string {
	name = foreign.Excerpt(name, foreign.MaxText)
	switch kind {
	case planner.ReaderConfigured:
		return "the Worker " + name
	case planner.ReaderDeployed:
		return "the deployed Worker " + name
	case planner.ReaderDispatched:
		return "the Worker " + name + " in a dispatch namespace"
	case planner.ReaderGateway:
		return "the AI Gateway " + name
	case planner.ReaderRegistry:
		return "the container registry " + name
	}
	return Safe(string(kind)) + " " + name
}

// at is ": " and the place where a Worker's configuration binds a secret; empty for what is
// deployed.
func at(pos planner.Position) string {
	if pos.IsZero() {
		return ""
	}
	return ": " + place(pos)
}

// breaksReader is a secret that something can no longer read.
func breaksReader(in Names, store planner.StoreKey, secret string, kind planner.ReaderKind, name string) string {
	verb := "binds"
	if kind == planner.ReaderGateway || kind == planner.ReaderRegistry {
		verb = "uses"
	}
	return fmt.Sprintf("%s %s %s, which it will no longer be able to read", reader(kind, name), verb, in.Secret(store, secret))
}

// breaks is [Problem] of a secret that something can no longer read.
func breaks(p planner.Problem, in Names) (what, hint string) {
	what = breaksReader(in, p.Store, p.Secret, p.Reader, p.Worker)
	switch p.Reader {
	case planner.ReaderGateway:
		return what, "give its provider another key first, or keep the secret for one more apply"
	case planner.ReaderRegistry:
		return what, "configure it with another secret first, or keep the secret for one more apply"
	}
	return what, "deploy the Worker without the binding first, or keep the secret for one more apply"
}
