package main

import (
	"errors"
	"fmt"
	"path"

	"github.com/spf13/cobra"
)

func (a *app) rotateCommand() *cobra.Command {
	var autoApprove bool
	cmd := &cobra.Command{
		Use:   "rotate STORE/SECRET",
		Short: "Give generated secrets new values now",
		Long: "rotate draws new values for the generated secrets whose STORE/SECRET matches the glob, and touches nothing else.\n" +
			"Values from other sources are rotated where they come from.\n\n" + exitCodesHelp,
		Example: "  secretsync rotate 'default_secrets_store/webhook-*'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.flags.targets = []string{args[0]}
			if err := a.checkFlags(); err != nil {
				return err
			}
			return a.apply(cmd.Context(), approval{auto: autoApprove, word: "yes"}, func(w *workspace) error { return w.rotate(args[0]) })
		},
	}
	cmd.Flags().BoolVar(&autoApprove, "auto-approve", false, "do not ask")
	a.eventsFlag(cmd)
	return cmd
}

// rotate wants new values for the generated secrets that match.
func (w *workspace) rotate(glob string) error {
	matching, generated := 0, 0
	for _, d := range w.desired {
		for i := range d.Secrets {
			if ok, err := path.Match(glob, d.Key.Name+"/"+d.Secrets[i].Name); err != nil || !ok {
				continue
			}
			matching++
			if d.Secrets[i].Generated {
				generated++
				d.Secrets[i].Rotate = true
			}
		}
	}
	switch {
	case matching == 0:
		return hint(fmt.Errorf("no secret of the manifest matches %q", glob), "names are those in Cloudflare: STORE/PREFIX-AND-SECRET")
	case generated < matching:
		return hint(errors.New("only generated secrets can be rotated here, and some that match come from elsewhere"),
			"name generated secrets alone; change the others where they come from")
	}
	return nil
}
