# A stand-in for a notebook: report.sh NOTEBOOK OUTPUT -p NAME VALUE ...
shift 2
while [ $# -gt 0 ]; do
    eval "$2=\$3"
    shift 3
done
awk -F, -v name="$region" -v from="$year_min" -v to="$year_max" '
    NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) column = i; next }
    $1 >= from && $1 <= to { print $1, $column }' "$input_file" > "$output_file"
