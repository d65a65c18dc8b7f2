// A process of its own that makes a lab, for the test of what remains of it: prints the lab's name and what runs in it,
// then does what its argument says.
import { createLab } from "./lab.js";

const lab = await createLab({ nodes: 1 });
const sleeper = lab.client.spawn(["sleep", "3600"]);
const orphan = await lab.client.exec(["sh", "-c", "sleep 3600 >/dev/null 2>&1 & echo $!"]);
console.log(JSON.stringify({ name: lab.name, folder: lab.folder, pids: [sleeper.pid, Number(orphan)] }));
if (process.argv[2] === "throw") throw new Error("the test failed");
if (process.argv[2] === "exit") process.exit(3);
// Otherwise the sleeper keeps it running until it is killed.
