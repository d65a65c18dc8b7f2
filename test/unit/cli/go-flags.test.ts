import { expect, it } from "vitest";
import { rewriteGoFlags } from "../../../src/cli/go-flags.js";

it.each([
  { given: "--config=metallb", expected: ["--config=metallb"] },
  { given: "-config=metallb", expected: ["--config=metallb"] },
  { given: "--config metallb", expected: ["--config=metallb"] },
  { given: "-config metallb", expected: ["--config=metallb"] },
  {
    given: "-port 7472 -config=metallb -log-level info",
    expected: ["--port=7472", "--config=metallb", "--log-level=info"],
  },
  { given: "--lb-class -x", expected: ["--lb-class=-x"] },
  { given: "-config", expected: ["--config"] },
  { given: "--config=", expected: ["--config="] },
  { given: "--config=a=b", expected: ["--config=a=b"] },
  { given: "-ignore-exclude-lb -config a", expected: ["--ignore-exclude-lb", "--config=a"] },
  { given: "-ignore-exclude-lb=1", expected: ["--ignore-exclude-lb=true"] },
  { given: "-ignore-exclude-lb=F", expected: ["--ignore-exclude-lb=false"] },
  { given: "--ignore-exclude-lb=maybe", expected: ["--ignore-exclude-lb=maybe"] },
  { given: "-help", expected: ["--help"] },
  { given: "-h", expected: ["-h"] },
  { given: "-- -config a", expected: ["--", "-config", "a"] },
])("rewriteGoFlags() of controller $given", ({ given, expected }) => {
  expect(rewriteGoFlags(["controller", ...given.split(" ")])).toEqual(["controller", ...expected]);
});

it("rewriteGoFlags() leaves other commands alone", () => {
  const argv = ["run", "-o", "json", "-from", "x"];
  expect(rewriteGoFlags(argv)).toEqual(argv);
});
