Feature: Strength of the signal

    Scenario: All channels are combined
        When the workflow is finished
        Then all the outputs should be included in the workspace
        And the workspace should include "channel_2/simulate_3/masses.txt"
        And the file "combine/strength.txt" should contain "channel       strength  error"
        And the sha256 checksum of the file "combine/strength.txt" should be "1c13fad51ea095f985cf7946bd93738dc054a8e59776012d127acbfbc5c473d0"
