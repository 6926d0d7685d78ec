// Prints the test vectors with the witness's answers, for `go test ./internal/witness -update`.
import { bindings, post, vectors, witness } from "./load.mjs";

for (const conversation of vectors.conversations) {
  const worker = await witness();
  for (const message of conversation.messages) {
    Object.assign(message, await post(worker, bindings(conversation.secrets), message));
  }
}
console.log(JSON.stringify(vectors, null, 2));
