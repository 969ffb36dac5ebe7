import argparse
import time

parser = argparse.ArgumentParser()
parser.add_argument("--inputfile")
parser.add_argument("--outputfile")
parser.add_argument("--sleeptime", type=float)
given = parser.parse_args()
with open(given.inputfile) as names, open(given.outputfile, "w") as greetings:
    for name in names:
        greetings.write(f"Hello {name.strip()}!\n")
        time.sleep(given.sleeptime)
