package notify

import "context"

// Outcome is what became of a message.
type Outcome struct {
	Webhook Webhook
	// Err is why the message was not delivered.
	Err error
	// Unsaved is why the next run sends it again, although it was delivered.
	Unsaved error
}

// SendDue sends each webhook what it was not sent yet. The messages are sent side by side, so that a
// service that does not answer delays no other message. Each delivery is recorded in the state and saved
// at once, since an interrupt or the job's time limit may come before the last outcome.
//
// The outcomes are in the order of the webhooks; a webhook that was sent nothing has none.
func (s Sender) SendDue(ctx context.Context, state *State, webhooks []Webhook, r Report, save func() error) []Outcome {
	var outcomes []Outcome
	var messages []Message
	known := map[string]bool{}
	for _, w := range webhooks {
		if m, due := state.Due(w, r); due && !known[w.id()] {
			outcomes, messages = append(outcomes, Outcome{Webhook: w}), append(messages, m)
		}
		known[w.id()] = true // an address may be named in two ways
	}
	ended := make(chan int)
	for i, m := range messages {
		go func() {
			outcomes[i].Err = s.Send(ctx, outcomes[i].Webhook, m)
			ended <- i
		}()
	}
	for range outcomes {
		if i := <-ended; outcomes[i].Err == nil {
			state.Sent(outcomes[i].Webhook, r)
			saved(outcomes, i, save())
		}
	}
	return outcomes
}

// saved notes whether the state was saved with an outcome. It has the earlier ones too.
func saved(outcomes []Outcome, i int, err error) {
	outcomes[i].Unsaved = err
	if err == nil {
		for j := range outcomes {
			outcomes[j].Unsaved = nil
		}
	}
}
