Feature: Pulls of the toys

    Scenario: All toys are combined
        When the workflow is finished
        Then all the outputs should be included in the workspace
        And the workspace should include "toys/20/11.txt"
        And the file "results/pulls.txt" should contain "rate  toys  mean pull  width"
        And the sha256 checksum of the file "results/pulls.txt" should be "70f9c83f21c9d53808b7d7710131fe87233755fb79e465c871583c4c817ffcb3"
