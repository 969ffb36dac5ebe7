# keeps the events with a good muon and prints their weights
BEGIN { FS = "," }
$2 > 20 { print $1, $2, weight }
