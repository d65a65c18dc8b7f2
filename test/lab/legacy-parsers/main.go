// Reads legacy configurations, one JSON string a line, and answers each with what the parser of every release said of
// it: a line with an array of four texts, empty where the release took it. The parsers are the releases' own, put
// beside this file when it is built. They are asked as the controller asked them, without the checks of a BGP mode.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"

	v09 "legacy-parsers/v0.9.6"
	v10 "legacy-parsers/v0.10.3"
	v11 "legacy-parsers/v0.11.0"
	v12 "legacy-parsers/v0.12.1"
)

func main() {
	lines := bufio.NewReader(os.Stdin)
	answers := bufio.NewWriter(os.Stdout)
	defer answers.Flush()
	documents, encoder := json.NewDecoder(lines), json.NewEncoder(answers)
	for documents.More() {
		var document string
		if err := documents.Decode(&document); err != nil {
			log.Fatalf("Cannot read a document: %v: write one JSON string a line", err)
		}
		text := []byte(document)
		said := []string{
			tell(func() error { _, err := v09.Parse(text); return err }),
			tell(func() error { _, err := v10.Parse(text); return err }),
			tell(func() error { _, err := v11.Parse(text); return err }),
			tell(func() error { _, err := v12.Parse(text, v12.DontValidate); return err }),
		}
		if err := encoder.Encode(said); err != nil {
			log.Fatal(err)
		}
	}
}

// A panic ended the program, which took nothing then.
func tell(parse func() error) (said string) {
	defer func() {
		if panicked := recover(); panicked != nil {
			said = fmt.Sprintf("panic: %v", panicked)
		}
	}()
	if err := parse(); err != nil {
		return err.Error()
	}
	return ""
}
