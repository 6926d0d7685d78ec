package sopsfile

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/getsops/sops/v3"
	sopsage "github.com/getsops/sops/v3/age"
)

// Recipients are those that a .sops.yaml names for a file.
type Recipients struct {
	// Rules is the .sops.yaml; "" if there is none in the file's folder or above it.
	Rules string
	// Age are the age recipients, and Others is the number of keys of other types.
	Age    []string
	Others int
}

// RecipientsOf returns the recipients that [Opener.Create] would encrypt a file for, after the
// checks that need no server. It is no error if there is no .sops.yaml; if there is one without a
// rule for the file, the error is [ErrNoRule]. root is as for [Opener.Seal].
func (o *Opener) RecipientsOf(ctx context.Context, root, name string) (Recipients, error) {
	rules, rule, err := o.ruleFor(root, filepath.Dir(name), []string{name})
	if rules == nil && errors.Is(err, ErrNoRule) {
		return Recipients{}, nil
	}
	if rules == nil {
		return Recipients{}, err
	}
	found := Recipients{Rules: rules.name}
	if err != nil {
		return found, err
	}
	m := metadata(rule)
	if err := rules.checkKeys(m); err != nil {
		return found, err
	}
	if err := rules.checkRecipients(ctx, m); err != nil {
		return found, err
	}
	for _, group := range m.KeyGroups {
		found.add(group)
	}
	return found, nil
}

func (r *Recipients) add(group sops.KeyGroup) {
	for _, k := range group {
		if a, ok := k.(*sopsage.MasterKey); ok {
			r.Age = append(r.Age, a.Recipient)
		} else {
			r.Others++
		}
	}
}

// CheckAge reports whether a text is an age recipient that SOPS can encrypt for.
func CheckAge(recipient string) bool {
	_, err := sopsage.MasterKeyFromRecipient(recipient)
	return err == nil
}
