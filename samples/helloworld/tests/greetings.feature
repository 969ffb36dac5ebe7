Feature: Greetings

    Scenario: Everybody is greeted once
        When the workflow is finished
        Then all the outputs should be included in the workspace
        And the file "results/greetings.txt" should contain "Hello Lise!"
        And the size of the file "results/greetings.txt" should be exactly 47 bytes

    Scenario: It does not take long
        When the workflow execution completes
        Then the workflow run duration should be less than 5 minutes
