Feature: Lifetime of the muon

    Scenario: The good runs are averaged
        When the workflow is finished
        Then all the outputs should be included in the workspace
        And the workspace should include "outputs/lifetime.txt"
        And the file "outputs/lifetime.txt" should contain "run      lifetime   error"
        And the sha256 checksum of the file "outputs/lifetime.txt" should be "bf714425cb684109c249b280ff7c1f0bf1e65cba7dad9c33420b573d152a7642"
