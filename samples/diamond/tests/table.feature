Feature: The diamond's table

    Scenario: D has read what B and C wrote
        When the workflow is finished
        Then the workspace should include "work/squares.txt"
        And the workspace should include "work/factors.txt"
        And all the outputs should be included in the workspace
        And the file "results/table.txt" should contain "2 x 1013"
        And the sha256 checksum of the file "results/table.txt" should be "31e0d619ad928f3ed7fb8097ad3f1bc037998a0a646a02f4c84267b1d6fba3ca"
